"""Old traces train, and do not vouch for new traffic; what new ones contradict is forgotten."""

from typing import Any

import pytest

from schemas.config import Config, Refit
from schemas.messages import Guess, Reason, Trace
from streams.trainer.trace_selection import (
    SUFFICIENT,
    TraceCutoffs,
    certifying_traces,
    contradicted_labels,
    exclusion_reasons,
    recent_traces,
    too_few,
)
from tests.streams.fakes import trace


def at(second: int, label: str = "yes", guess: str | None = None, **given: Any) -> Trace:
    guessed = None if guess is None else Guess(guess, 0.9, 0.1, "v1")
    return trace(f"r{second}", label, replied_at=second * 1000, guess=guessed, **given)


EVER = TraceCutoffs()


def kept(traces: list[Trace], since: TraceCutoffs = EVER, **refit: Any) -> tuple[list[int], list[int]]:
    """The seconds of those that train, and of those that certify."""
    config = Config(refit=Refit(**refit))
    found = recent_traces(traces, config, since)
    assert certifying_traces(found, config, since) == sum(one.sampled for one in found)
    return _seconds(found), _seconds([one for one in found if one.sampled])


def _seconds(traces: list[Trace]) -> list[int]:
    return [one.replied_at // 1000 for one in traces]


TRACES = [at(second, sampled=second % 2 == 0) for second in range(1, 9)]


@pytest.mark.parametrize(
    ("since", "refit", "train", "certify"),
    [
        (TraceCutoffs(), {}, [1, 2, 3, 4, 5, 6, 7, 8], [2, 4, 6, 8]),
        (TraceCutoffs(), {"max_age": 3.0}, [5, 6, 7, 8], [6, 8]),
        (TraceCutoffs(), {"calibration_age": 3.0}, [1, 2, 3, 4, 5, 6, 7, 8], [6, 8]),
        (TraceCutoffs(), {"calibration_age": 3.0, "max_age": 1.0}, [7, 8], [8]),
        (TraceCutoffs(certify=4_000), {}, [1, 2, 3, 4, 5, 6, 7, 8], [4, 6, 8]),
        (TraceCutoffs(certify=3_000, teacher=6_000), {}, [1, 2, 3, 4, 5, 6, 7, 8], [6, 8]),
        (TraceCutoffs(certify=99_000), {}, [1, 2, 3, 4, 5, 6, 7, 8], []),
    ],
)
def test_old_traces_only_train_or_are_dropped(
    since: TraceCutoffs, refit: dict[str, Any], train: list[int], certify: list[int]
) -> None:
    assert kept(TRACES, since, **refit) == (train, certify)


def test_of_sampled_traces_the_newest_certify() -> None:
    many = [at(second) for second in range(1, 101)]
    assert kept(many, calibration_window=60) == (list(range(1, 101)), list(range(41, 101)))


def drawn_at(second: int, **given: Any) -> Trace:
    return at(second, requested_at=second * 1000, **given)


def test_the_cold_start_certifies_until_enough_is_drawn_since() -> None:
    cold = [drawn_at(second) for second in range(1, 51)]
    deferred = [drawn_at(51, sampled=False)]
    drawn = [drawn_at(second) for second in range(52, 52 + SUFFICIENT)]
    everything = [*cold, *deferred, *drawn]
    assert kept(everything[:-1])[1] == _seconds([*cold, *drawn[:-1]])
    assert kept(everything) == (_seconds(everything), _seconds(drawn))
    assert kept([*cold, *drawn])[1] == _seconds([*cold, *drawn]), "without a policy there is no cold start"


def test_seeded_traces_certify_until_enough_is_drawn_and_hide_no_cold_start() -> None:
    training = [drawn_at(1, sampled=False, reason=Reason.SEEDED)]
    seeds = [drawn_at(second, reason=Reason.SEEDED) for second in range(2, 51)]
    cold = [drawn_at(second) for second in range(51, 60)]
    assert kept([*training, *seeds, *cold])[1] == _seconds([*seeds, *cold]), "nothing is deferred yet"
    deferred, late = [drawn_at(60, sampled=False)], [drawn_at(61, reason=Reason.SEEDED)]
    drawn = [drawn_at(second) for second in range(62, 62 + SUFFICIENT)]
    everything = [*training, *seeds, *late, *cold, *deferred, *drawn]
    assert kept(everything[:-1])[1] == _seconds([*seeds, *late, *cold, *drawn[:-1]])
    assert kept(everything)[1] == _seconds(drawn)


def test_a_refit_waits_where_others_are_too_old() -> None:
    traces = [at(second) for second in range(1, 301)]
    young = Config(refit=Refit(at_least=200, calibration_age=150.0))
    assert too_few(traces, young, EVER)
    assert not too_few(traces, Config(refit=Refit(at_least=200, calibration_age=250.0)), EVER)
    assert not too_few(traces[-150:], young, EVER), "nothing is too old: the gate says what is missing"
    assert too_few(traces[-150:], young, TraceCutoffs(certify=1))


def test_a_refusal_names_the_traces_that_only_train() -> None:
    assert exclusion_reasons(TRACES, Config(), EVER) == ()
    (reason,) = exclusion_reasons(TRACES, Config(refit=Refit(calibration_age=3.0)), EVER)
    assert reason.startswith("2 of 4 sampled traces only train")


def test_a_former_teacher_s_traces_are_dropped() -> None:
    dropped = recent_traces(TRACES, Config(teacher_change="drop"), TraceCutoffs(teacher=6_000))
    assert _seconds(dropped) == [6, 7, 8]


def test_old_traces_of_a_changed_label_are_dropped() -> None:
    old = [at(1, "refund"), at(2, "track"), at(3, "refund", "refund")]
    new = [at(5, "track", "refund"), at(6, "track", "refund"), at(7, "refund"), at(8, "track", "track")]
    assert contradicted_labels(new) == {"refund"}
    train, certify = kept(old + new, TraceCutoffs(certify=5_000))
    assert (train, certify) == ([2, 5, 6, 7, 8], [5, 6, 7, 8])
    assert kept(old + new)[0] == [1, 2, 3, 5, 6, 7, 8], "without an alarm nothing is doubted"


def test_few_contradictions_change_no_label() -> None:
    assert contradicted_labels([at(1, "a", "b")]) == frozenset()
    assert contradicted_labels([at(1, "a", "b"), at(2, "b", "b")]) == frozenset()
    assert contradicted_labels([at(1, "a", "b"), at(2, "a", "b"), at(3, "b", "b")]) == {"b"}
