"""Reads views from Redis; configs are those that the gateway holds already."""

import asyncio
from collections.abc import Callable

from streams.dashboard.label_counts import LabelCounts
from streams.dashboard.views import (
    OverviewView,
    TaskView,
    in_order,
    label_rows,
    row_without_policy,
    task_row,
    task_view,
    view_without_policy,
)
from streams.errors import StateUnreadable
from streams.status.sentences import next_step
from streams.status.status_reader import StatusReader
from streams.tasks import Tasks
from streams.versions.guard_state import FRESH

_VERSIONS = 8
"""Newest versions whose certificates a chart shows."""


class ViewReader:
    """Args:
    traffic: the labels of a task in the last hour.
    now: Unix milliseconds.
    """

    def __init__(
        self,
        status_reader: StatusReader,
        tasks: Tasks,
        traffic: Callable[[str], LabelCounts],
        now: Callable[[], int],
    ) -> None:
        self._status_reader = status_reader
        self._tasks = tasks
        self._traffic = traffic
        self._now = now

    async def overview(self) -> OverviewView:
        """All tasks. Raises StateUnavailable."""
        names = self._tasks.names() | await self._status_reader.registry.tasks()
        guard, rows, unreadable = await self._status_reader.guard(), [], []
        for name in sorted(names):
            config = self._tasks.task(name).config
            try:
                status = await self._status_reader.status_of(name, config, guard)
            except StateUnreadable:
                unreadable.append(name)
                continue
            answered = self._traffic(name).answered
            row = row_without_policy(name, config, answered)
            rows.append(row if status is None else task_row(status, answered))
        late = guard.age if guard.age >= FRESH else None
        return OverviewView(self._now(), in_order(rows), late, unreadable)

    async def task(self, name: str) -> TaskView:
        """One task. Raises StateUnavailable, StateUnreadable."""
        reader, config = self._status_reader, self._tasks.task(name).config
        status = await reader.status_of(name, config, await reader.guard())
        moves, traffic = await reader.registry.history(name), self._traffic(name)
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
