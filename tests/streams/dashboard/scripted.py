"""Dashboard on a free port, whose reader says what a test has put into it."""

import math
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from schemas.api_keys import ApiKey
from streams.certify.history import CertificatePoint, CertificateState
from streams.dashboard.label_counts import LabelCounts, MinuteCounts
from streams.dashboard.routes import DashboardRoutes
from streams.dashboard.views import LabelRow, OverviewView, TaskView, in_order, task_row, task_view
from streams.errors import StateUnavailable
from streams.gateway.app import create_gateway
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings
from streams.status.task_status import TaskStatus
from streams.versions.lifecycle import Transition, VersionStage

BEGAN = 1_790_000_000_000
HOSTILE = "<img src=x onerror=alert(1)>/\"'&"
"""Name of a task, as a client may choose it."""


class ScriptedReader:
    """Attributes:
    statuses: of the tasks.
    is_away: Redis is.
    reads: so far.
    """

    def __init__(self, *statuses: TaskStatus) -> None:
        self.statuses = statuses
        self.is_away = False
        self.reads = 0

    async def overview(self) -> OverviewView:
        self._note_read()
        return OverviewView(BEGAN, in_order([task_row(status) for status in self.statuses]))

    async def task(self, name: str) -> TaskView:
        self._note_read()
        status = next(status for status in self.statuses if status.task == name)
        labels = [LabelRow("refund", 40, 36, 0.76, 0.97, True), LabelRow(HOSTILE, 300, 298, 0.97, 1.0, False)]
        return task_view(BEGAN, status, HISTORY, MOVES, labels, TRAFFIC, "nothing")

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
NEW = TaskStatus("intents", "v2", BEGAN, 1_400, 0.95, 0.71, expected_coverage=0.62, audit_rate=0.05)


@asynccontextmanager
async def running(reader: ScriptedReader, keys: Mapping[str, ApiKey] | None = None) -> AsyncIterator[str]:
    """Address of the dashboard."""
    settings = GatewaySettings(port=0)
    check = CallerCheck(is_local=True, keys=lambda: keys or {})
    dashboard = DashboardRoutes(check, reader, look=0.05)
    app = create_gateway(settings, dashboard.routes(), call_limits(settings))
    server = GatewayServer(app, settings, 5.0, dashboard.end)
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()
