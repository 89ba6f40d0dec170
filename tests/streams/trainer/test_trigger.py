"""A refit waits for enough that is new, never for less, and for a stricter promise at once."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import Config, Refit
from streams.trainer.trigger import (
    RefitAsked,
    RefitAttempt,
    labels_due,
    refit_due,
    request_due,
    traces_needed,
    window_full,
)

_refits = st.builds(Refit, growth=st.floats(0, 2), at_least=st.integers(1, 500), quiet=st.floats(0, 100))
_arrivals = st.lists(st.tuples(st.integers(0, 400), st.floats(0, 200)), max_size=60)


@given(_refits, _arrivals)
def test_a_refit_needs_growth_and_a_pause(refit: Refit, arrivals: list[tuple[int, float]]) -> None:
    config, attempt, seen, now = Config(refit=refit), RefitAttempt(), 0, 0.0
    attempts = []
    for new, waited in arrivals:
        seen, now = seen + new, now + waited
        if refit_due(seen, attempt, config, now):
            attempt = RefitAttempt(seen, now, config)
            attempts.append(attempt)
            assert not refit_due(seen, attempt, config, now + 1000), "nothing new, nothing to do"
    assert all(one.seen >= refit.at_least for one in attempts)
    for before, after in itertools.pairwise(attempts):
        assert after.seen - before.seen >= max(refit.at_least, refit.growth * before.seen)
        assert after.ended - before.ended >= refit.quiet
    if attempts and refit.growth > 0:
        most = 1 + math.log(seen / attempts[0].seen) / math.log1p(refit.growth)
        assert len(attempts) <= most + 1e-6, "refits grow with the logarithm of the traffic"


@given(_refits, st.integers(0, 10_000))
def test_a_refit_is_due_at_once(refit: Refit, seen: int) -> None:
    config, attempt = Config(refit=refit), RefitAttempt(seen, 0.0, Config(refit=refit))
    enough = seen + math.ceil(traces_needed(seen, refit))
    assert refit_due(enough, attempt, config, refit.quiet)
    assert not refit_due(enough - 1, attempt, config, refit.quiet)
    if refit.quiet:
        assert not refit_due(enough, attempt, config, math.nextafter(refit.quiet, 0.0))


@pytest.mark.parametrize(
    ("change", "at_once"),
    [
        ({"target_agreement": 0.97}, True),
        ({"delta": 0.01}, True),
        ({"reserve": 0.4}, True),
        ({"embedder": "precomputed"}, True),
        ({"dimension": 3}, True),
        ({"target_agreement": 0.9}, False),
        ({"delta": 0.2}, False),
        ({"audit_rate": 0.5, "paused": True, "threshold": 0.3}, False),
    ],
)
def test_a_stricter_config_is_tried_once(change: dict[str, Any], at_once: bool) -> None:
    before, after = Config(), Config(**change)
    attempt = RefitAttempt(1000, 0.0, before)
    assert refit_due(1000, attempt, after, 50.0) is at_once
    assert not refit_due(after.refit.at_least - 1, RefitAttempt(0, 0.0, before), after, 50.0), (
        "it is no less than a fit"
    )
    assert not refit_due(1000, RefitAttempt(1000, 0.0, after), after, 50.0)
    assert not refit_due(1000, attempt, after, after.refit.quiet / 2)


def test_growth_counts_usable_traces() -> None:
    after_a_switch = RefitAttempt(seen=50_000, ended=0.0, config=Config(), traces=1_000)
    assert not refit_due(50_199, after_a_switch, Config(), 10.0)
    assert refit_due(50_200, after_a_switch, Config(), 10.0)


def test_a_requested_refit_waits_for_certifying_traces() -> None:
    config, first = Config(refit=Refit(at_least=200, quiet=1.0)), RefitAttempt()
    assert not request_due(RefitAsked(7, 199), 5000, first, config, 50.0)
    assert request_due(RefitAsked(7, 200), 5000, first, config, 50.0)
    refused = RefitAttempt(seen=5000, ended=50.0, config=config, traces=5000, asked=RefitAsked(7, 1000))
    assert not request_due(RefitAsked(7, 1199), 5000, refused, config, 60.0)
    assert request_due(RefitAsked(7, 1200), 5000, refused, config, 60.0)
    assert not request_due(RefitAsked(7, 1200), 5000, refused, config, 50.5)
    assert request_due(RefitAsked(9, 200), 5000, refused, config, 60.0), "another alarm starts a new count"


def test_no_refit_waits_beyond_the_window() -> None:
    config = Config(refit=Refit(at_least=200, calibration_window=120))
    assert not request_due(RefitAsked(7, 119), 5000, RefitAttempt(), config, 50.0)
    assert request_due(RefitAsked(7, 120), 5000, RefitAttempt(), config, 50.0)
    refused = RefitAttempt(seen=5000, ended=0.0, config=config, traces=5000, asked=RefitAsked(7, 120))
    assert window_full(5000, 120, config.refit)
    assert window_full(100_000, 7, config.refit)
    assert not window_full(99_999, 119, config.refit)
    assert not request_due(RefitAsked(7, 120, full=True), 5023, refused, config, 50.0), (
        "the same ones, nearly"
    )
    assert request_due(RefitAsked(7, 120, full=True), 5024, refused, config, 50.0)
    assert not request_due(RefitAsked(7, 120), 5024, refused, config, 50.0), "more of them may come yet"


@pytest.mark.parametrize(
    ("traces", "before", "waited", "due"),
    [
        (4, 0, 60.0, False),
        (5, 0, 60.0, True),
        (5, 0, 59.0, False),
        (11, 10, 60.0, False),
        (12, 10, 60.0, True),
    ],
)
def test_a_new_label_is_learned_soon(traces: int, before: int, waited: float, due: bool) -> None:
    attempt = RefitAttempt(ended=0.0, new_labels=before)
    assert labels_due(traces, attempt, Config(refit=Refit(quiet=60.0)), waited) is due
