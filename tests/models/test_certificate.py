"""Certificates never claim more than the audits prove."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import beta

from models import binomial
from models.certificate import (
    Certificate,
    budget_share,
    log_evidence,
    lower_bound,
)

HITS, MISSES = st.integers(0, 3000), st.integers(0, 300)
TARGETS, DELTAS = st.floats(0.3, 0.99), st.floats(1e-4, 0.2)
DELTA = 0.05


def counted(hits: int, misses: int) -> Certificate:
    return Certificate(hits + misses, hits)


@given(st.integers(0, 60), st.integers(0, 12), TARGETS)
def test_a_bet_at_the_target_gains_nothing(hits: int, misses: int, target: float) -> None:
    now = log_evidence(counted(hits, misses), target)
    ahead = target * np.exp(log_evidence(counted(hits + 1, misses), target) - now)
    ahead += (1 - target) * np.exp(log_evidence(counted(hits, misses + 1), target) - now)
    assert ahead == pytest.approx(1.0, rel=1e-9)


@given(st.integers(0, 200), st.integers(0, 30), st.floats(0.85, 0.98))
def test_evidence_is_a_mean_likelihood_ratio(hits: int, misses: int, target: float) -> None:
    def ratio(share: float) -> float:
        agreement = 1 - (1 - target) * share
        return float((agreement / target) ** hits * ((1 - agreement) / (1 - target)) ** misses)

    far, _ = quad(lambda share: beta.pdf(share, 3, 4) * ratio(share), 0, 1, limit=200)
    near = np.mean([ratio(1 - kept_away) for kept_away in np.geomspace(0.001, 0.3, 12)])
    slow = np.log(0.98 * far + 0.02 * near)
    assert log_evidence(counted(hits, misses), target) == pytest.approx(slow, abs=0.1)


def test_evidence_before_the_first_audit_is_one() -> None:
    assert log_evidence(Certificate(), 0.95) == pytest.approx(0.0, abs=1e-12)


@given(HITS, MISSES, TARGETS, st.floats(0.001, 0.3))
def test_evidence_falls_with_each_disagreement(hits: int, misses: int, target: float, step: float) -> None:
    evidence = log_evidence(counted(hits, misses), target) + 1e-9
    assert log_evidence(counted(hits, misses), target + step * (1 - target)) <= evidence
    assert log_evidence(counted(hits, misses + 1), target) <= evidence
    assert log_evidence(counted(hits + 1, misses), target) >= evidence - 2e-9


@given(HITS, MISSES, DELTAS)
def test_the_bound_moves_with_the_audits(hits: int, misses: int, delta: float) -> None:
    certificate = counted(hits, misses)
    bound = lower_bound(certificate, delta)
    assert (
        lower_bound(counted(hits + 1, misses), delta)
        >= bound
        >= lower_bound(counted(hits, misses + 1), delta)
    )
    assert lower_bound(certificate, delta / 2) <= bound <= binomial.lower(hits, hits + misses, delta)
    if 0.01 < bound < 0.99:
        assert certificate.certifies(bound - 1e-6, delta)
        assert not certificate.certifies(bound + 1e-6, delta)


SCHEDULES = {
    "on the target": np.full(2500, 0.95),
    "a good start, then a fall": np.repeat([1.0, 0.8], [160, 840]),
    "a slow decline": np.linspace(0.99, 0.90, 2500),
    "up and down": np.tile(np.repeat([0.99, 0.91], 125), 8),
    "late to be good": np.repeat([0.9, 0.99], [500, 2000]),
}


@pytest.mark.parametrize("delta", [0.05, 0.2])
@pytest.mark.parametrize("name", SCHEDULES)
def test_false_certificates_are_as_rare_as_delta(name: str, delta: float) -> None:
    schedule = SCHEDULES[name]
    chance = chance_of_error(schedule, 0.95, delta)
    assert chance <= delta
    if name == "on the target":
        assert chance >= 0.85 * delta


def test_audits_of_a_label_that_was_switched_off_have_to_stay() -> None:
    """Every label agrees on the target, and the worst by its audits is switched off four times."""
    lives, labels, audits, every, target = 1_000, 8, 1_500, 100, 0.95
    draws, most = np.random.default_rng(7), most_misses(audits, target, DELTA)
    kept = dropped = 0
    for _ in range(lives):
        label, missed = np.empty(audits, np.int64), draws.random(audits) > target
        left, certified = np.arange(labels), False
        for start in range(0, audits, every):
            now = slice(start, start + every)
            label[now] = draws.choice(left, every)
            counted = np.isin(label[: now.stop], left)
            numbers, misses = np.cumsum(counted), np.cumsum(missed[: now.stop] & counted)
            certified |= bool((misses[start:] <= most[numbers[start:] - 1]).any())
            if len(left) > labels - 4:
                seen, wrong = label[: now.stop], missed[: now.stop]
                left = np.delete(left, np.argmax([wrong[seen == one].mean() for one in left]))
        dropped += certified
        kept += bool((np.cumsum(missed) <= most).any())
    assert kept / lives < 1.3 * DELTA, "delta, but for the chance of so few lives"
    assert dropped / lives > 3 * DELTA


def chance_of_error(agreements: NDArray[np.float64], target: float, delta: float) -> float:
    """Exact chance that the counts ever certify while the mean agreement so far is not above the target.

    Args:
        agreements: [audits], the chance of agreement at each.
    """
    audits = len(agreements)
    numbers = np.arange(1, audits + 1)
    below = np.cumsum(agreements) <= target * numbers + 1e-9
    most = most_misses(audits, target, delta)
    chances, wrong = np.zeros(audits + 2), 0.0
    chances[0] = 1.0
    for place, agreement in enumerate(agreements):
        chances[1:] = chances[1:] * agreement + chances[:-1] * (1 - agreement)
        chances[0] *= agreement
        if below[place]:
            certified = most[place] + 1
            wrong += chances[:certified].sum()
            chances[:certified] = 0.0
    return float(wrong)


def most_misses(audits: int, target: float, delta: float) -> NDArray[np.int64]:
    """Disagreements among 1, 2, ... audits with which they still certify; -1 where none do."""
    found, misses = [], -1
    for number in range(1, audits + 1):
        while misses < number and Certificate(number, number - misses - 1).certifies(target, delta):
            misses += 1
        found.append(misses)
    return np.array(found)


def test_the_bound_of_a_long_life_is_tight() -> None:
    assert 0.9692 < lower_bound(Certificate(1_000_000, 970_000), DELTA) < 0.97


@given(HITS, MISSES, st.floats(0.05, 0.95), DELTAS)
def test_counts_never_both_prove_and_refute(hits: int, misses: int, target: float, delta: float) -> None:
    certificate = counted(hits, misses)
    assert not (certificate.certifies(target, delta) and certificate.refutes(target, delta))


def test_a_label_wrong_half_the_time_is_refuted() -> None:
    assert Certificate(20, 10).refutes(0.8, DELTA)
    assert not Certificate(20, 16).refutes(0.8, DELTA)


@given(HITS, MISSES, st.integers(0, 50), st.data())
def test_missing_replies_prove_no_more_than_replies(
    hits: int, misses: int, overdue: int, data: st.DataObject
) -> None:
    assumed = counted(hits, misses).counting_unanswered(overdue)
    agreements = data.draw(st.integers(0, overdue))
    replied = counted(hits + agreements, misses + overdue - agreements)
    assert lower_bound(assumed, DELTA) <= lower_bound(replied, DELTA)


def test_without_missing_replies_too_much_is_proven() -> None:
    assert Certificate(100, 100).certifies(0.95, DELTA)
    assert not Certificate(100, 100).counting_unanswered(8).certifies(0.95, DELTA)


def test_a_proof_is_lost_when_agreement_falls() -> None:
    assert Certificate(200, 199).certifies(0.95, 0.05)
    assert not Certificate(240, 229).certifies(0.95, 0.05)


@given(st.floats(1e-6, 0.5), st.integers(1, 200))
def test_all_versions_together_spend_delta(delta: float, versions: int) -> None:
    total = sum(budget_share(delta, number) for number in range(1, versions + 1))
    assert total == pytest.approx(delta * versions / (versions + 1))


@pytest.mark.parametrize(("audits", "agreements"), [(10, 11), (10, -1), (-1, -1)])
def test_impossible_counts_are_refused(audits: int, agreements: int) -> None:
    with pytest.raises(ValueError, match="impossible counts"):
        Certificate(audits, agreements)


@given(HITS, MISSES)
def test_it_is_read_back_as_written(hits: int, misses: int) -> None:
    certificate = counted(hits, misses)
    assert msgspec.json.decode(msgspec.json.encode(certificate), type=Certificate) == certificate
