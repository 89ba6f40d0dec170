"""The alarm is raised soon after a fall, and no more often by mistake than was set."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alarm import Alarm, likelihood_ratios, quiet_alarms, spread

TARGETS = st.floats(0.3, 0.99)
OUTCOMES = st.lists(st.sampled_from([True, True, True, False]), max_size=300)


def plainly(outcomes: list[bool], target: float, run_length: float) -> tuple[list[float], bool]:
    """Shiryaev-Roberts by its definition, one alternative at a time, with the excess credited."""
    suspicion = [0.0] * len(likelihood_ratios(target)[0])
    hit, miss = (ratios.tolist() for ratios in likelihood_ratios(target))
    for agreed in outcomes:
        if sum(suspicion) / len(suspicion) >= run_length * (1 - 1e-9):
            return suspicion, True
        if_hit = [(1 + each) * ratio for each, ratio in zip(suspicion, hit, strict=True)]
        if_miss = [(1 + each) * ratio for each, ratio in zip(suspicion, miss, strict=True)]
        excess = max(0.0, sum(if_miss) - run_length * len(if_miss)) * (1 - target) / target
        growth = min(1 + excess / sum(if_hit), max(1.0, run_length * len(if_hit) / sum(if_hit)))
        suspicion = [each * growth for each in if_hit] if agreed else if_miss
    return suspicion, sum(suspicion) / len(suspicion) >= run_length * (1 - 1e-9)


@given(OUTCOMES, TARGETS, st.sampled_from([20.0, 1000.0]))
def test_the_alarm_follows_its_definition(outcomes: list[bool], target: float, run_length: float) -> None:
    suspicion, raised = plainly(outcomes, target, run_length)
    alarm = Alarm.quiet(target, run_length).after_many(outcomes)
    np.testing.assert_allclose(alarm.suspicion, suspicion, rtol=1e-9)
    assert alarm.raised == raised
    assert alarm.raised == (alarm.level == 1.0)


@given(OUTCOMES, st.integers(0, 300))
def test_batch_ends_make_no_difference(outcomes: list[bool], cut: int) -> None:
    quiet = Alarm.quiet(0.95, 50.0)
    one_by_one = quiet
    for agreed in outcomes:
        one_by_one = one_by_one.after(agreed)
    assert quiet.after_many(outcomes[:cut]).after_many(np.array(outcomes[cut:], dtype=bool)) == one_by_one


@given(st.floats(0.2, 0.99), st.floats(0.0, 60.0), st.floats(0.0, 1.0))
def test_evidence_grows_by_at_most_one_an_audit(target: float, level: float, better: float) -> None:
    before = Alarm(target, tuple(np.linspace(0, 2 * level, 10).tolist()), 50.0)
    if before.raised:
        return
    agreement = target + better * (1 - target)
    capped = [min(before.after(agreed).evidence, 50.0) for agreed in (True, False)]
    assert agreement * capped[0] + (1 - agreement) * capped[1] <= before.evidence + 1 + 1e-9


def test_false_alarms_are_a_run_length_apart() -> None:
    generator, run_length, rounds = np.random.default_rng(11), 150.0, 400
    audits = []
    for _ in range(rounds):
        alarm, count = Alarm.quiet(0.9, run_length), 0
        while not alarm.raised:
            alarm, count = alarm.after(bool(generator.random() < 0.9)), count + 1
        audits.append(count)
    error = np.std(audits) / np.sqrt(rounds)
    assert run_length - 4 * error <= np.mean(audits) <= 1.1 * run_length + 4 * error


def test_a_fall_raises_the_alarm_soon() -> None:
    alarm = Alarm.quiet(0.95).after_many(np.ones(2000, dtype=np.bool_))
    assert alarm.level < 0.5
    fallen = alarm.after_many([False] * 5)
    assert fallen.raised
    assert fallen.after_many([True] * 5000) == fallen


@given(OUTCOMES, TARGETS)
def test_it_is_read_back_to_the_last_bit(outcomes: list[bool], target: float) -> None:
    alarm = Alarm.quiet(target).after_many(outcomes)
    assert msgspec.json.decode(msgspec.json.encode(alarm), type=Alarm) == alarm


def test_statistics_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match="2 instead of 10"):
        Alarm(0.95, (0.0, 1.0))


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_even_order_has_the_same_counts_in_each_part(agreements: int, others: int) -> None:
    order = np.array(list(spread(agreements, others)), dtype=bool)
    assert (order.sum(), len(order)) == (agreements, agreements + others)
    others_so_far = np.cumsum(~order)
    even = np.arange(1, len(order) + 1) * others / max(1, len(order))
    assert np.all(np.abs(others_so_far - even) <= 1.0)


def test_silence_up_to_its_share_is_no_alarm() -> None:
    """Agreement is on the target and the whole share silent: the worst that still counts as good."""
    generator, audits = np.random.default_rng(5), 40_000
    assert alarms(generator, audits, silent=0.1, agreement=0.95) <= audits / 200
    assert alarms(generator, audits // 20, silent=0.6, agreement=0.99) > 20


def test_silence_may_never_count() -> None:
    of_labels, of_all = quiet_alarms(0.95, 200.0, 1.0)
    assert (of_labels, of_all) == (Alarm.quiet(0.95, 200.0), None)


def alarms(generator: np.random.Generator, audits: int, silent: float, agreement: float) -> int:
    """Alarms of both detectors, at a run length of 200 and a share of .1; audits come in blocks of 20."""
    quiet = quiet_alarms(0.95, 200.0, 0.1)
    of_labels, of_all = quiet
    raised = 0
    for _ in range(audits // 20):
        without = generator.random(20) < silent
        agreed = (generator.random(20) < agreement) & ~without
        of_labels = of_labels.after_many(agreed[~without])
        assert of_all is not None
        of_all = of_all.after_many(list(spread(int(agreed.sum()), 20 - int(agreed.sum()))))
        if of_labels.raised or of_all.raised:
            raised += 1
            of_labels, of_all = quiet
    return raised
