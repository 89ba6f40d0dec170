"""Traffic is counted from labels; a partition that is cut off shortens the time that is looked back."""

from typing import Literal

import pytest
from msgspec.structs import replace

from infra.serve import traffic
from infra.serve.traffic import traffic_of
from schemas.messages import Label, Reason

NOW = 10_000_000


def label(
    seconds_ago: float, source: Literal["surrogate", "teacher", "error"] = "teacher", task: str = "shop"
) -> Label:
    at = NOW - int(seconds_ago * 1000)
    error = f"failed {seconds_ago} s ago" if source == "error" else None
    return Label("r", task, None, source, Reason.ACCEPTED, at, at, audited=seconds_ago == 5, error=error)


def test_traffic_counts_each_task_s_labels() -> None:
    shop = [label(700), label(9, "error"), label(8, "error"), label(5, "surrogate"), label(4, "surrogate")]
    found = traffic_of([shop, [label(3, task="toys"), label(2)]], NOW)
    assert set(found) == {"shop", "toys"}
    counts = found["shop"]
    assert (counts.labels, counts.answered, counts.audited, counts.errors) == (5, 2, 1, 2)
    assert (counts.last_error, counts.is_failing) == ("failed 8 s ago", False)
    assert (counts.seconds, counts.rate, counts.coverage) == (9, 5 / 9, 0.4)
    assert counts.saved_a_day(0.5) == pytest.approx(1 / 9 * 86_400 * 0.5)


def test_a_teacher_that_has_answered_since_its_last_error_is_not_failing() -> None:
    """Whatever partitions its labels are in; an answer of the surrogate says nothing of it."""
    failed = [label(9, "teacher"), label(8, "error")]
    assert traffic_of([failed, [label(2, "surrogate")]], NOW)["shop"].is_failing
    repaired = traffic_of([failed, [label(7)]], NOW)["shop"]
    assert (repaired.last_error, repaired.is_failing) == ("failed 8 s ago", False)


def test_a_full_partition_shortens_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_NEWEST", 2)
    counts = traffic_of([[label(20), label(10)], [label(100)]], NOW)["shop"]
    assert (counts.seconds, counts.labels) == (20, 2)


def test_guesses_at_a_ceiling_are_no_answers_under_the_guarantee() -> None:
    guess = replace(label(5, "surrogate"), reason=Reason.BUDGET)
    counts = traffic_of([[guess, label(4, "surrogate")]], NOW)["shop"]
    assert (counts.labels, counts.answered, counts.guessed, counts.audited) == (2, 1, 1, 0)
