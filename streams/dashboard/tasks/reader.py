"""Reads views from Redis; configs are those that the gateway holds already."""

import asyncio
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from streams.dashboard.tasks.label_counts import LabelTally
from streams.dashboard.tasks.views import (
    OverviewView,
    TaskView,
    agreed_steps,
    in_order,
    label_rows,
    row_without_policy,
    task_row,
    task_view,
    view_without_policy,
    with_last_hour,
    with_spending,
)
from streams.errors import StateUnreadable
from streams.state.running_refits import RunningRefits
from streams.state.spending import SpendingStore
from streams.status.sentences import next_step
from streams.status.status_reader import ReadStatus, StatusReader
from streams.status.task_status import TaskStatus
from streams.tasks import Tasks
from streams.versions.guard_state import FRESH

_VERSIONS = 8
"""Newest versions whose certificates a chart shows."""
_POINTS = 60
"""Newest points of a certificate that the overview shows the last hour by."""
_AGREED = 60_000
"""Milliseconds between two looks at these."""


class ViewReader:
    """Args:
    tally: the labels of the last hour.
    now: Unix milliseconds.
    """

    def __init__(
        self,
        status_reader: StatusReader,
        spending: SpendingStore,
        refits: RunningRefits,
        tasks: Tasks,
        tally: LabelTally,
        now: Callable[[], int],
    ) -> None:
        self._status_reader = status_reader
        self._spending = spending
        self._refits = refits
        self._tasks = tasks
        self._tally = tally
        self._now = now
        self._agreed: dict[str, list[float | None]] = {}
        self._agreed_at = 0

    async def knows(self, name: str) -> bool:
        """Whether there is anything to show of a task. Raises StateUnavailable."""
        if self._tasks.knows(name) or self._tally.knows(name):
            return True
        return name in await self._status_reader.registry.tasks()

    async def overview(self) -> OverviewView:
        """All tasks. Raises StateUnavailable."""
        reader, now = self._status_reader, self._now()
        names = sorted(self._tasks.names() | await reader.registry.tasks())
        configs = {name: self._tasks.task(name).config for name in names}
        guard, rows, unreadable = await reader.guard(), [], []
        statuses = await reader.statuses(configs, guard)
        await self._read_agreed(statuses, now)
        amounts = await self._spending.days(names)
        for name, status in statuses.items():
            if isinstance(status, StateUnreadable):
                unreadable.append(name)
                continue
            config = configs[name]
            row = row_without_policy(name, config) if status is None else task_row(status)
            row = with_spending(row, amounts[name], config.teacher.limits)
            rows.append(with_last_hour(row, self._tally.shares(name), self._agreed.get(name, ())))
        late = guard.age if guard.age >= FRESH else None
        return OverviewView(now, in_order(rows), late, unreadable)

    async def _read_agreed(self, statuses: Mapping[str, ReadStatus], now: int) -> None:
        """Read the newest points of all certificates; once a minute, since there are many."""
        if now - self._agreed_at < _AGREED:
            return
        versions = {
            task: status.version for task, status in statuses.items() if isinstance(status, TaskStatus)
        }
        points = await self._status_reader.readings.newest_points(versions, _POINTS)
        self._agreed = {task: agreed_steps(found, now) for task, found in points.items()}
        self._agreed_at = now

    async def task(self, name: str) -> TaskView:
        """One task. Raises StateUnavailable, StateUnreadable."""
        view = await self._task(name)
        return replace(view, refit=(await self._refits.of([name])).get(name))

    async def _task(self, name: str) -> TaskView:
        reader, config = self._status_reader, self._tasks.task(name).config
        status = await reader.status_of(name, config, await reader.guard())
        moves, traffic = await reader.registry.history(name), self._tally.counts(name)
        if status is None:
            return view_without_policy(self._now(), name, config, moves, traffic)
        versions = dict.fromkeys([*(move.version for move in moves), status.version])
        history = await reader.audits.certificate_points(name, list(versions)[-_VERSIONS:])
        counts = (await reader.audits.status(name, status.version)).labels
        blocked = await reader.registry.blocked_labels(name, status.version) | set(config.never_answer)
        # On the event loop, where requests wait: bounds of 150 labels take 80 ms, a forecast some 30 ms.
        rows = await asyncio.to_thread(label_rows, counts, blocked)
        ahead = await asyncio.to_thread(next_step, status, None, config.delta)
        return task_view(self._now(), status, history, moves, rows, traffic, ahead)
