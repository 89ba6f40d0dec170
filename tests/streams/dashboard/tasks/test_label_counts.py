"""The tally holds the last hour of each task, and no more tasks than it has room for."""

from typing import Literal

import pytest

from schemas.messages import Label, Reason
from streams.dashboard.tasks import label_counts
from streams.dashboard.tasks.label_counts import LabelTally, MinuteCounts

MINUTE = 60_000
NOW = 1_000 * MINUTE


def label(
    minute: int,
    source: Literal["surrogate", "teacher", "error"] = "surrogate",
    reason: Reason = Reason.ACCEPTED,
    task: str = "t",
    *,
    supersedes: bool = False,
) -> Label:
    at = minute * MINUTE + 5
    return Label("r", task, "yes", source, reason, at, at, supersedes=supersedes)


def test_shares_and_reasons_are_of_the_last_hour() -> None:
    tally = LabelTally(lambda: NOW)
    tally.note([label(940), label(941), label(999), label(1_000), label(1_005)])
    tally.note([label(999, "teacher", Reason.NOVEL), label(999, "error", Reason.LOW_SCORE)])
    tally.note([label(1_000, "teacher", Reason.NOVEL), label(1_000, "teacher", supersedes=True)])
    found = tally.counts("t")
    assert (found.labels, found.answered) == (7, 4 / 7)
    assert found.reasons == (("novel", 2), ("low_score", 1))
    assert found.minutes == (
        MinuteCounts(941 * MINUTE, 1, 0, 0),
        MinuteCounts(999 * MINUTE, 1, 1, 1),
        MinuteCounts(1_000 * MINUTE, 2, 1, 0),
    )
    assert tally.counts("other").answered is None


def test_tasks_without_labels_lately_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_counts, "_MOST", 2)
    now = [NOW]
    tally = LabelTally(lambda: now[0])
    tally.note([label(1_000, task="a"), label(1_000, task="b"), label(1_000, task="c")])
    assert [tally.counts(task).labels for task in "abc"] == [1, 1, 0]
    now[0] += 60 * MINUTE
    tally.note([label(1_060, task="c")])
    assert [tally.counts(task).labels for task in "abc"] == [0, 0, 1]


def test_shares_of_the_last_hour_go_by_five_minutes() -> None:
    tally = LabelTally(lambda: NOW)
    tally.note([label(941), label(941, "teacher", Reason.NOVEL), label(940), label(1_000), label(1_000)])
    shares = tally.shares("t")
    assert shares.hour == 3 / 4
    assert (shares.steps[0], shares.steps[-1]) == (0.5, 1.0)
    assert set(shares.steps[1:-1]) == {None}
    assert tally.shares("other").hour is None
    assert (tally.knows("t"), tally.knows("other")) == (True, False)


def test_a_full_memory_is_swept_once_a_minute_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_counts, "_MOST", 2)
    tally = LabelTally(lambda: NOW)
    tally.note([label(1_000, task="a"), label(1_000, task="b")])
    before = tally._tasks
    tally.note([label(1_000, task=f"another-{number}") for number in range(50)])
    assert tally._tasks is not before, "swept for the first"
    after = tally._tasks
    tally.note([label(1_000, task=f"one-more-{number}") for number in range(50)])
    assert tally._tasks is after
