"""The simulations run what users run: the same proofs and the same alarm, only on many streams at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from infra.bench.guarantee import certificate
from infra.bench.guarantee.alarm import AlarmStreams, run_until_alarm
from infra.bench.guarantee.audit_cost import audit_cost
from infra.bench.guarantee.lives import SimulatedDrift, simulate_lives
from infra.bench.guarantee.promise import Promise
from models.alarm import Alarm
from models.certificate import Certificate


def test_first_proof_matches_the_certificate() -> None:
    streams = np.random.default_rng(0).random((20, 400)) < 0.97
    rule = certificate.fewest_audits(certificate.certificate_rule, 0.9, 0.05, 400)
    for agreed, result in zip(
        streams, certificate.first_proof([streams[:7], streams[7:]], rule), strict=True
    ):
        plain = [
            number
            for number in range(1, 401)
            if Certificate(number, int(agreed[:number].sum())).certifies(0.9, 0.05)
        ]
        assert result == (plain[0] if plain else certificate.NEVER)


def test_certified_share_counts_from_the_first_proof() -> None:
    rule = np.array([2, 5])
    stream = np.array([[True, True, False, True, True, True], [False] * 6])
    assert certificate.certified_share([stream], rule) == pytest.approx(3 / 5)
    assert np.isnan(certificate.certified_share([stream[1:]], rule))


@pytest.mark.parametrize(
    "proves",
    [certificate.clopper_pearson_rule, certificate.uniform_mixture_rule, certificate.knowing_rule(0.98)],
)
def test_fewest_audits_describe_a_rule(
    proves: certificate.Rule,
) -> None:
    rule = certificate.fewest_audits(proves, 0.9, 0.05, 150)
    for misses in range(12):
        proven = [number for number in range(misses, 151) if proves(number, number - misses, 0.9, 0.05)]
        assert (proven[0] if proven else None) == (rule[misses] if misses < len(rule) else None)


@given(st.integers(0, 200), st.integers(0, 12), st.floats(0.6, 0.95))
def test_uniform_mixture_averages_likelihood_ratios(hits: int, misses: int, target: float) -> None:
    def ratio(p: float) -> float:
        return float((p / target) ** hits * ((1 - p) / (1 - target)) ** misses / (1 - target))

    evidence, _ = quad(ratio, target, 1, limit=500)
    assert (
        certificate.uniform_mixture_rule(hits + misses, hits, target, 1 / (evidence * 1.001 + 1e-9)) is False
    )
    assert certificate.uniform_mixture_rule(hits + misses, hits, target, 1 / (evidence * 0.999))


@given(st.lists(st.booleans(), max_size=200), st.sampled_from([10.0, 300.0]))
def test_streams_in_step_alarm_as_one_alone_would(outcomes: list[bool], run_length: float) -> None:
    watch, alarm = AlarmStreams.begin(1, 0.9, run_length), Alarm.quiet(0.9, run_length)
    for agreed in outcomes:
        alarm = alarm.after(agreed)
        assert watch.audit(np.array([agreed])) == alarm.raised
        if alarm.raised:
            return
        np.testing.assert_allclose(watch.suspicion[0], alarm.suspicion, rtol=1e-9)


def test_run_lengths_count_streams_without_an_alarm() -> None:
    generator = np.random.default_rng(0)
    none = run_until_alarm(AlarmStreams.begin(5, 0.9, 1e9), 1.0, 20, generator)
    assert (none.audits, none.share, none.median, none.mean) == (100, 0.0, np.inf, 100)
    every = run_until_alarm(AlarmStreams.begin(3, 0.9, 30.0), 0.0, 20, generator)
    assert every.share == 1.0
    assert every.median == every.mean == every.raised[0]


def test_drift_costs_only_earlier_versions() -> None:
    slow = SimulatedDrift(begin=100, length=10, depth=0.2)
    assert [slow.loss(0, now) for now in (99, 104, 500)] == pytest.approx([0.0, 0.1, 0.2])
    assert slow.loss(100, 500) == 0.0


def test_lives_never_certify_falsely() -> None:
    tasks = simulate_lives(8, Promise(target=0.8, delta=0.05, run_length=1000.0), np.random.default_rng(3))
    assert all(task.versions > 1 for task in tasks)
    assert sum(task.alarms for task in tasks) > sum(task.rollbacks for task in tasks) > 0
    assert sum(task.certified for task in tasks) > 0
    assert not any("certificate" in task.wrong for task in tasks)


def test_a_higher_audit_rate_saves_hours() -> None:
    result = audit_cost(0.02, proof=160, alarm=80)
    assert result.audits == pytest.approx(16_000)
    assert result.saved == pytest.approx(0.784)
    assert (result.to_proof, result.to_alarm) == pytest.approx((0.24, 0.12))
