"""Drift makes one event and requests a refit; it changes no answer."""

import asyncio
from typing import Any

import pytest

from models.features import Features
from models.histograms import Reference, ScoreHistograms
from models.manifest import FrontierPoint
from schemas.events import Event, EventKind
from streams.drift.watch import DriftWatch
from streams.drift.windows import WINDOW, ScoreWindows
from streams.errors import StateUnavailable
from streams.routing.decisions import COUNTED, Decision, decide
from streams.tasks import CandidatePolicy, Task, Tasks
from tests.streams.fakes import ScriptedPolicy

TRAINED = Reference((0.5, 0.8), ScoreHistograms((300, 400, 300), 10, (500, 500)))
FAMILIAR = ["no 0.3 0.1"] * 30 + ["no 0.6 0.1"] * 20 + ["yes 0.6 0.1"] * 20 + ["yes 0.9 0.1"] * 30
STRANGE = ["no 0.3 0.9", "yes 0.4 0.9"]


class Told:
    """In place of the events topic and of the stream of refits."""

    def __init__(self, *, away: bool = False) -> None:
        self.events: list[Event] = []
        self.asked: list[tuple[str, int, str]] = []
        self._away = away

    def publish(self, event: Event) -> None:
        self.events.append(event)

    async def request(self, task: str, since: int, reason: str) -> None:
        if self._away:
            raise StateUnavailable("Redis is away")
        self.asked.append((task, since, reason))


def policy(version: str = "v1", coverage: float = 0.3) -> ScriptedPolicy:
    return ScriptedPolicy(
        version=version, reference=TRAINED, frontier=(FrontierPoint(0.95, 0.7, coverage, 0.96),)
    )


def live(*, on_drift: bool = True, audit_rate: float = 0.02) -> Tasks:
    found = Tasks()
    found.set_policy("t", policy())
    found.configure("t", {"refit": {"on_drift": on_drift}, "audit_rate": audit_rate})
    return found


def judged(task: Task, texts: list[str], allotted: list[bool] | None = None) -> list[Decision]:
    return decide(task, Features(texts=texts), len(texts), allotted or [])


def routed(traffic: ScoreWindows, task: Task, texts: list[str], begin: int = 0) -> None:
    """A window full of requests, in batches a millisecond apart."""
    rows = (texts * (WINDOW // len(texts) + 1))[:WINDOW]
    for number, place in enumerate(range(0, WINDOW, COUNTED)):
        traffic.count(task, judged(task, rows[place : place + COUNTED]), begin + number)


def watched(told: Told, found: Tasks, *windows: list[str]) -> None:
    async def watch() -> None:
        traffic = ScoreWindows()
        watch: Any = DriftWatch(found, traffic, told, told)  # type: ignore[arg-type]
        for number, texts in enumerate(windows):
            routed(traffic, found.task("t"), texts, 1000 * number)
            await watch.look()

    asyncio.run(watch())


def test_traffic_as_it_was_is_nothing_to_tell() -> None:
    told = Told()
    watched(told, live(), FAMILIAR, FAMILIAR)
    assert (told.events, told.asked) == ([], [])


def test_drift_makes_one_event_and_requests_a_refit() -> None:
    told = Told()
    watched(told, live(), FAMILIAR, STRANGE, STRANGE)
    (event,) = told.events
    assert event.kind is EventKind.DRIFT
    assert set(event.details["signals"]) == {"scores", "novelty", "coverage"}
    assert "100.0% of the requests are beyond the novelty limit, compared with 1.0%" in event.message
    ((task, since, reason),) = told.asked
    assert (task, since) == ("t", 1000)
    assert reason.startswith("drift: scores are lower")


def test_coverage_far_from_the_promise_is_told_with_both() -> None:
    told, found = Told(), live()
    found.set_policy("t", policy(coverage=0.9))
    watched(told, found, FAMILIAR)
    (event,) = told.events
    assert set(event.details["signals"]) == {"coverage"}
    assert "answers 30.0% of the requests, and its fit promised 90.0%" in event.message


@pytest.mark.parametrize("override", [{"threshold": 0.2}, {"paused": True}, {"target_agreement": 0.9}])
def test_other_answers_than_the_promised_ones_are_no_sign(override: dict[str, object]) -> None:
    """A threshold set by hand, a pause, or a target that the fit has no point for: nothing was promised."""
    told, found = Told(), live()
    found.set_policy("t", policy(coverage=0.9))
    found.configure("t", override)
    if "target_agreement" in override:
        found.set_policy("t", policy(coverage=0.3))
    watched(told, found, FAMILIAR)
    assert told.events == []


def test_a_new_version_is_told_of_anew() -> None:
    told, found = Told(), live()
    watched(told, found, STRANGE)
    found.set_policy("t", policy("v2"))
    watched(told, found, STRANGE)
    assert [event.details["version"] for event in told.events] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("found", "away"), [(live(on_drift=False), False), (live(audit_rate=0.0), False), (live(), True)]
)
def test_drift_without_a_refit_makes_an_event_too(found: Tasks, away: bool) -> None:
    told = Told(away=away)
    watched(told, found, STRANGE)
    (event,) = told.events
    assert event.details["refit"] is away
    assert told.asked == []


def test_a_window_counts_live_scores_until_full() -> None:
    traffic, found = ScoreWindows(), live()
    found.set_candidate("t", CandidatePolicy(policy("v2"), 0.5))
    task = found.task("t")
    traffic.count(task, judged(task, ["yes 0.9 0.1", "no 0.3 0.9"], [True, False]), 5)
    assert traffic.full() == {}
    routed(traffic, task, FAMILIAR, 10)
    routed(traffic, task, STRANGE, 20)
    (window,) = traffic.full().values()
    assert (window.version, window.since) == ("v1", 5)
    assert WINDOW <= window.counts.rows < WINDOW + COUNTED
    assert window.counts.novel == 1
    assert traffic.full() == {}


def test_a_window_ends_with_its_policy() -> None:
    traffic, found = ScoreWindows(), live()
    traffic.count(found.task("t"), judged(found.task("t"), FAMILIAR), 5)
    fewer_bins = Reference((0.5,), ScoreHistograms((500, 500), 10, (500, 500)))
    found.set_policy("t", ScriptedPolicy(reference=fewer_bins))
    routed(traffic, found.task("t"), FAMILIAR, 10)
    (window,) = traffic.full().values()
    assert (window.since, window.counts.rows, len(window.counts.scores)) == (10, WINDOW, 2)


def test_a_policy_without_reference_is_not_watched() -> None:
    traffic, found = ScoreWindows(), Tasks()
    found.set_policy("t", ScriptedPolicy())
    routed(traffic, found.task("t"), STRANGE)
    assert traffic.full() == {}


def test_a_batch_counts_its_share_at_most() -> None:
    traffic, task = ScoreWindows(), live().task("t")
    traffic.count(task, judged(task, FAMILIAR * 100), 0)
    assert traffic.full() == {}
    for _ in range(WINDOW // COUNTED - 1):
        traffic.count(task, judged(task, FAMILIAR * 100), 0)
    assert [window.counts.rows for window in traffic.full().values()] == [WINDOW]
