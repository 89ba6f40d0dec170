"""The simulations run what users run: the same proofs and the same alarm, only on many streams at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from infra.bench.guarantee import certificate
from infra.bench.guarantee.alarm import AlarmStreams, wait
from infra.bench.guarantee.audit_cost import audit_cost
from infra.bench.guarantee.lives import SimulatedDrift, lives
from infra.bench.guarantee.promise import Promise
from models.certificate import Alarm, Certificate


def test_the_first_proof_is_where_the_certificate_first_certifies() -> None:
    streams = np.random.default_rng(0).random((20, 400)) < 0.97
    rule = certificate.fewest(certificate.certificate, 0.9, 0.05, 400)
    for agreed, found in zip(streams, certificate.first_proof([streams[:7], streams[7:]], rule), strict=True):
        plain = [
            number
            for number in range(1, 401)
            if Certificate(number, int(agreed[:number].sum())).certifies(0.9, 0.05)
        ]
        assert found == (plain[0] if plain else certificate.NEVER)


def test_a_proof_stands_for_a_share_of_the_audits_since_it_was_first_there() -> None:
    rule = np.array([2, 5])
    stream = np.array([[True, True, False, True, True, True], [False] * 6])
    assert certificate.standing([stream], rule) == pytest.approx(3 / 5)
    assert np.isnan(certificate.standing([stream[1:]], rule))


@pytest.mark.parametrize(
    "proves", [certificate.clopper_pearson, certificate.uniform_mixture, certificate.knowing(0.98)]
)
def test_a_rule_is_all_said_by_the_fewest_audits_for_each_count_of_disagreements(
    proves: certificate.Proves,
) -> None:
    rule = certificate.fewest(proves, 0.9, 0.05, 150)
    for misses in range(12):
        proven = [number for number in range(misses, 151) if proves(number, number - misses, 0.9, 0.05)]
        assert (proven[0] if proven else None) == (rule[misses] if misses < len(rule) else None)


@given(st.integers(0, 200), st.integers(0, 12), st.floats(0.6, 0.95))
def test_the_uniform_mixture_averages_the_likelihood_ratio_above_the_target(
    hits: int, misses: int, target: float
) -> None:
    def ratio(p: float) -> float:
        return float((p / target) ** hits * ((1 - p) / (1 - target)) ** misses / (1 - target))

    evidence, _ = quad(ratio, target, 1, limit=500)
    assert certificate.uniform_mixture(hits + misses, hits, target, 1 / (evidence * 1.001 + 1e-9)) is False
    assert certificate.uniform_mixture(hits + misses, hits, target, 1 / (evidence * 0.999))


@given(st.lists(st.booleans(), max_size=200), st.sampled_from([10.0, 300.0]))
def test_streams_that_are_watched_together_raise_the_alarm_when_one_alone_would(
    outcomes: list[bool], run_length: float
) -> None:
    watch, alarm = AlarmStreams.over(1, 0.9, run_length), Alarm.quiet(0.9, run_length)
    for agreed in outcomes:
        alarm = alarm.after(agreed)
        assert watch.audit(np.array([agreed])) == alarm.raised
        if alarm.raised:
            return
        np.testing.assert_allclose(watch.suspicion[0], alarm.suspicion, rtol=1e-9)


def test_waits_count_the_audits_of_those_that_never_raised_it() -> None:
    generator = np.random.default_rng(0)
    none = wait(AlarmStreams.over(5, 0.9, 1e9), 1.0, 20, generator)
    assert (none.audits, none.share, none.median, none.mean) == (100, 0.0, np.inf, 100)
    every = wait(AlarmStreams.over(3, 0.9, 30.0), 0.0, 20, generator)
    assert every.share == 1.0
    assert every.median == every.mean == every.raised[0]


def test_drift_harms_what_was_fitted_before_it_and_nothing_later() -> None:
    slow = SimulatedDrift(begin=100, length=10, depth=0.2)
    assert [slow.harm(0, now) for now in (99, 104, 500)] == pytest.approx([0.0, 0.1, 0.2])
    assert slow.harm(100, 500) == 0.0


def test_lives_go_through_refits_alarms_and_rollbacks_and_the_certificate_stays_right() -> None:
    tasks = lives(8, Promise(target=0.8, delta=0.05, run_length=1000.0), np.random.default_rng(3))
    assert all(task.versions > 1 for task in tasks)
    assert sum(task.alarms for task in tasks) > sum(task.rollbacks for task in tasks) > 0
    assert sum(task.certified for task in tasks) > 0
    assert not any("certificate" in task.wrong for task in tasks)


def test_an_audit_rate_buys_time_with_calls() -> None:
    found = audit_cost(0.02, proof=160, alarm=80)
    assert found.audits == pytest.approx(16_000)
    assert found.saved == pytest.approx(0.784)
    assert (found.to_proof, found.to_alarm) == pytest.approx((0.24, 0.12))
