"""Dashboard on a free port, whose reader says what a test has put into it."""

import math
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from msgspec import structs

from schemas.api_keys import ApiKey
from schemas.call_limits import CallLimits
from streams.certify.history import CertificatePoint, CertificateState
from streams.dashboard.requests.deferred import DeferredRow, DeferredView, LetterRow, deferred_view
from streams.dashboard.requests.deferred_routes import DeferredRoutes
from streams.dashboard.routes import DashboardRoutes
from streams.dashboard.system.events_routes import EventsRoutes
from streams.dashboard.system.recent_events import RecentEvents
from streams.dashboard.system.system_routes import SystemRoutes
from streams.dashboard.system.system_view import (
    Check,
    EndpointRow,
    LaneRow,
    RefitRow,
    RoleRow,
    SpendingRow,
    SystemView,
    WorkerRow,
)
from streams.dashboard.task_calls import TaskNames
from streams.dashboard.tasks.days_routes import DaysRoutes
from streams.dashboard.tasks.label_counts import LabelCounts, MinuteCounts, SharesOfHour
from streams.dashboard.tasks.views import (
    LabelRow,
    OverviewView,
    TaskView,
    in_order,
    task_row,
    task_view,
    with_last_hour,
    with_spending,
)
from streams.dashboard.view_streams import ViewStreams
from streams.errors import KafkaFailed, StateUnavailable
from streams.gateway.app import create_gateway
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings
from streams.state.running_refits import RunningRefit
from streams.status.finding import Level
from streams.status.task_status import TaskStatus
from streams.tasks import Tasks
from streams.versions.lifecycle import Transition, VersionStage

BEGAN = 1_790_000_000_000
HOSTILE = "<img src=x onerror=alert(1)>/\"'&"
"""Name of a task, as a client may choose it."""


class ScriptedReader:
    """Attributes:
    statuses: of the tasks.
    is_away: Redis is.
    refit: that runs.
    reads: so far.
    """

    def __init__(self, *statuses: TaskStatus) -> None:
        self.statuses = statuses
        self.is_away = False
        self.reads = 0
        self.refit: RunningRefit | None = None

    async def overview(self) -> OverviewView:
        self._note_read()
        rows = [with_last_hour(task_row(status), SHARES, AGREED) for status in self.statuses]
        return OverviewView(BEGAN, in_order([with_spending(row, DAY, LIMITS) for row in rows]))

    async def task(self, name: str) -> TaskView:
        self._note_read()
        status = next(status for status in self.statuses if status.task == name)
        labels = [LabelRow("refund", 40, 36, 0.76, 0.97, True), LabelRow(HOSTILE, 300, 298, 0.97, 1.0, False)]
        view = task_view(BEGAN, status, HISTORY, MOVES, labels, TRAFFIC, "nothing")
        return structs.replace(view, refit=self.refit)

    async def knows(self, name: str) -> bool:
        return any(status.task == name for status in self.statuses)

    async def system(self) -> SystemView:
        self._note_read()
        return SYSTEM

    async def newest_days(self, _: str, most: int) -> list[tuple[int, dict[str, float]]]:
        self._note_read()
        today = BEGAN // 86_400_000
        return [(today - ago, DAY if ago < 20 else {}) for ago in reversed(range(most))]

    async def view(self, task: str, *, sees_all: bool, operates: bool) -> DeferredView:
        if self.is_away:
            raise KafkaFailed("no broker answers")
        return deferred_view(task, BEGAN, DEFERRALS, LETTERS, sees_all=sees_all, operates=operates)

    def _note_read(self) -> None:
        self.reads += 1
        if self.is_away:
            raise StateUnavailable("Redis is away: redis://:secret@localhost:6379")


def certified(task: str) -> TaskStatus:
    return replace(NEW, task=task, audits=340, agreements=334, bound=0.957, certified=True, alarm=0.1)


def _points(version: str, first: int, audits: int, wrong: int, lost: int) -> Iterator[CertificatePoint]:
    for step in range(1, audits // 5 + 1):
        seen = step * 5
        disagreed = seen // wrong + (seen > lost) * (seen - lost) // 4
        lower = max(0.0, 1 - disagreed / seen - 1.2 / math.sqrt(seen + 1)) or None
        is_proven = lower is not None and lower > 0.88
        state: CertificateState = "lost" if seen > lost else "certified" if is_proven else "not_yet"
        at = first + step * 60_000
        alarm = min(1.0, (seen > lost) * (seen - lost) / 60)
        yield CertificatePoint(at, version, seen, disagreed, lower, 0.88, state, alarm)


HISTORY: Mapping[str, tuple[CertificatePoint, ...]] = {
    "v1": tuple(_points("v1", BEGAN, 300, 60, 240)),
    "v2": tuple(_points("v2", BEGAN + 4_000_000, 340, 90, 10_000)),
}
MOVES = (
    Transition("v1", None, VersionStage.LIVE, BEGAN, "trainer", "fitted on 900 traces"),
    Transition("v1", VersionStage.LIVE, VersionStage.ROLLED_BACK, BEGAN + 3_700_000, "certify", "alarm"),
    Transition("v2", None, VersionStage.LIVE, BEGAN + 4_000_000, "trainer", "fitted on 1,400 traces"),
)
TRAFFIC = LabelCounts(
    labels=59 * 52,
    answered=40 / 52,
    reasons=(("low_score", 59 * 8), ("novel", 59 * 4)),
    minutes=tuple(MinuteCounts(BEGAN - 60_000 * ago, 40, 12 - ago % 3, ago % 3) for ago in range(59, 0, -1)),
)
SHARES = SharesOfHour(0.77, (None, 0.7, 0.72, 0.75, 0.8, 0.78, None, 0.77, 0.76, 0.8, 0.79, 0.77))
AGREED = (1.0, 0.99, None, 0.98, 1.0, 0.97, 0.98, 0.99, 1.0, 1.0, 0.96, 0.98)
LIMITS = CallLimits(calls_per_day=400)
DAY = {
    "answered": 900.0,
    "requests.calls": 300.0,
    "requests.money": 1.5,
    "audits.calls": 60.0,
    "money": 1.8,
    "calls": 360.0,
}
DEFERRALS = (
    DeferredRow(
        "r1", "tickets", BEGAN - 5_000, "low_score", "where is my parcel", "refund", 0.61, 0.71, "v2"
    ),
    DeferredRow("r2", "tickets", BEGAN - 4_000, "novel", HOSTILE, "refund", 0.9, 0.71, "v2", label="other"),
    DeferredRow("r3", "other", BEGAN - 3_000, "novel", "not of this task"),
)
LETTERS = (
    LetterRow(
        "2:17",
        "tickets",
        "r9",
        BEGAN,
        "teacher",
        "t.deferrals",
        "it is too long (`max_text`)",
        0,
        False,
        True,
    ),
    LetterRow("2:18", None, None, BEGAN, "route", "t.requests", "no JSON", 0, False, True),
)
SYSTEM = SystemView(
    at=BEGAN,
    checks=[
        Check(Level.OK, "kafka", "answers without a break", BEGAN),
        Check(Level.PROBLEM, "certify", "has not counted all audits for 90 s: start it again"),
    ],
    workers=[
        WorkerRow("h.1.a", "h", ["route"], BEGAN, Level.PROBLEM, "has said nothing for 2 min"),
        WorkerRow("h.2.b", "h", ["learn", "certify"], BEGAN, Level.OK, "ready"),
    ],
    roles=[RoleRow("route", "t.requests", 0, 2, 900, [900, 0], Level.PROBLEM, "nobody reads it: start one")],
    lanes=[
        LaneRow("deferrals", 3, BEGAN - 90_000, "tickets", Level.WARNING, "the oldest has waited 1 min 30 s")
    ],
    refits=[RefitRow("tickets", BEGAN, True, "alarm", None, Level.PROBLEM, "no trainer leads the task")],
    trainers=[("h.3.c", 1)],
    endpoints=[EndpointRow("https://llm/v1", "m", 2, 1, Level.WARNING, "calls have failed")],
    spending=[SpendingRow("*", 12, 900, 1.25, None), SpendingRow("tickets", 12, 900, 1.25, 0.9)],
    kafka_at=BEGAN,
)
NEW = TaskStatus("intents", "v2", BEGAN, 1_400, 0.95, 0.71, expected_coverage=0.62, audit_rate=0.05)


@asynccontextmanager
async def running(
    reader: ScriptedReader, keys: Mapping[str, ApiKey] | None = None, events: RecentEvents | None = None
) -> AsyncIterator[str]:
    """Address of the dashboard."""
    settings = GatewaySettings(port=0)
    check = CallerCheck(is_local=True, keys=lambda: keys or {})
    streams, tasks = ViewStreams(check), Tasks()
    for status in reader.statuses:
        tasks.configure(status.task, {})
    names = TaskNames(tasks, lambda _: LabelCounts())
    routes = [
        *DashboardRoutes(streams, reader, look=0.05).routes(),
        *DaysRoutes(check, names, reader, tasks, lambda: BEGAN).routes(),
        *DeferredRoutes(check, names, reader).routes(),
        *EventsRoutes(streams, names, events or RecentEvents(), lambda: BEGAN, look=0.05).routes(),
        *SystemRoutes(streams, reader.system, look=0.05).routes(),
    ]
    app = create_gateway(settings, routes, call_limits(settings))
    server = GatewayServer(app, settings, 5.0, streams.end)
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()
