"""Whether a task has requests that are in the sample at its audit rate only."""

from schemas.messages import Label, Reason
from streams.gateway.rated_traffic import RatedTraffic

MINUTES = 60_000


def label(task: str, at: int) -> Label:
    return Label("1", task, "yes", "teacher", Reason.LOW_SCORE, at, at)


def test_what_was_before_the_start_counts_as_traffic() -> None:
    now = 50 * MINUTES
    traffic = RatedTraffic(lambda: now)
    assert traffic.is_current("t")
    now += 10 * MINUTES
    assert not traffic.is_current("t")


def test_traffic_of_a_task_is_current_for_ten_minutes() -> None:
    now = 0
    traffic = RatedTraffic(lambda: now)
    now = 60 * MINUTES
    traffic.note_labels([label("t", 55 * MINUTES), label("t", 20 * MINUTES), label("ahead", 500 * MINUTES)])
    traffic.note("own")
    current = {task: traffic.is_current(task) for task in ("t", "ahead", "own", "other")}
    assert current == {"t": True, "ahead": True, "own": True, "other": False}
    now = 65 * MINUTES
    assert not traffic.is_current("t")
    now = 70 * MINUTES
    assert not traffic.is_current("ahead")
