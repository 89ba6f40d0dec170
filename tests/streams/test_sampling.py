"""The audit is a uniform sample that only the key's owners can foresee, and that repeats itself."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from schemas.config import Config
from streams.sampling import UNKNOWN, RateReason, Sampler, SamplingState, audit_rate

IDS = [f"request-{number}" for number in range(20_000)]
_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_rate = st.floats(0, 1)


@given(st.binary(max_size=100), _text, _rate, _rate)
def test_a_higher_rate_audits_the_same_and_more(key: bytes, request: str, one: float, other: float) -> None:
    low, high = sorted([one, other])
    auditor = Sampler(key)
    assert auditor.selects(request, high) >= auditor.selects(request, low)
    assert auditor.selects(request, 1.0)
    assert not auditor.selects(request, 0.0)
    assert Sampler(key).selects(request, one) == auditor.selects(request, one), "another worker decides alike"
    assert auditor.selects(request, one) == (auditor.draw(request) < one)


def test_each_rate_selects_its_share() -> None:
    auditor, alpha = Sampler(b"secret"), 1e-6
    for rate, part in itertools.product((0.001, 0.02, 0.3, 0.97), (IDS, IDS[::7], IDS[-5_000:])):
        drawn = sum(auditor.selects(request, rate) for request in part)
        low, high = binom.ppf([alpha / 2, 1 - alpha / 2], len(part), rate)
        assert low <= drawn <= high, (rate, len(part))


def test_another_key_draws_an_independent_sample() -> None:
    ours, theirs = Sampler(b"ours"), Sampler(b"theirs")
    both = sum(ours.selects(request, 0.3) and theirs.selects(request, 0.3) for request in IDS)
    low, high = binom.ppf([5e-7, 1 - 5e-7], len(IDS), 0.09)
    assert low <= both <= high


def test_repeats_are_independent_of_audits() -> None:
    auditor = Sampler(b"secret")
    audited = [request for request in IDS if auditor.selects(request, 0.3)]
    both = sum(auditor.selects_repeat(request, 0.3) for request in audited)
    low, high = binom.ppf([5e-7, 1 - 5e-7], len(audited), 0.3)
    assert low <= both <= high


def rate(config: Config, certified: bool = False, certifying: int | None = None) -> float:
    return audit_rate(config, SamplingState(certified, certifying)).rate


def test_drift_of_deferrals_raises_the_rate() -> None:
    drifting = SamplingState(certifying=10_000, drifting=True)
    assert audit_rate(Config(), drifting) == (0.2, RateReason.DRIFT)
    assert audit_rate(Config(audit_early=0.0), drifting) == (0.02, RateReason.CONFIGURED)
    assert audit_rate(Config(audit_rate=0.0), drifting).rate == 0.0
    assert audit_rate(Config(deferral_drift=False), drifting).rate == 0.02


@given(_rate, _rate, _rate)
def test_an_automatic_rate_stays_in_its_bounds(low: float, high: float, fixed: float) -> None:
    auto = Config(audit_rate="auto", audit_low=low, audit_high=high)
    assert rate(auto) == high
    assert rate(auto, certified=True) == min(low, high)
    fixed_rate = Config(audit_rate=fixed)
    assert rate(fixed_rate) == rate(fixed_rate, certified=True) == fixed


@given(_rate, _rate, st.integers(0, 10_000), st.integers(0, 10_000), st.booleans())
def test_the_early_rate_holds_until_enough_traces_certify(
    fixed: float, early: float, enough: int, certifying: int, certified: bool
) -> None:
    config = Config(audit_rate=fixed, audit_early=early, audit_enough=enough)
    expected = max(fixed, early) if certifying < enough and fixed > 0.0 else fixed
    assert rate(config, certified, certifying) == expected
    assert rate(config, certified) == fixed, "where the number is not known"


def test_a_rate_comes_with_its_reason() -> None:
    auto = Config(audit_rate="auto", audit_high=0.05, audit_early=0.2, audit_enough=100)
    states = [SamplingState(False, 99), SamplingState(True, 99), SamplingState(True, 100), UNKNOWN]
    assert [audit_rate(auto, state) for state in states] == [
        (0.2, RateReason.FEW_TRACES),
        (0.2, RateReason.FEW_TRACES),
        (0.01, RateReason.CERTIFIED),
        (0.05, RateReason.UNCERTIFIED),
    ]
    assert audit_rate(auto, SamplingState(True, 100, new_labels=True)) == (0.2, RateReason.NEW_LABELS)
    assert audit_rate(Config(audit_rate=0.0), SamplingState(new_labels=True)).rate == 0.0
    assert audit_rate(Config(audit_rate=0.3), SamplingState(new_labels=True)).rate == 0.3
    assert audit_rate(Config(), SamplingState(False, 4_000)) == (0.02, RateReason.CONFIGURED)
