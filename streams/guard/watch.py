"""Watch over the guard, in each process that decides: answers end where nobody counts their audits.

While Redis is away, or says nothing of the guard, its age grows by this process's own clock. A process that
has never seen a heartbeat knows no age: it takes nothing for certified at once, and counts from its start on.
How long audits were uncounted before that nobody can say; so a restart may answer for `guard_staleness` once
more, at the rate of `audit_high`.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from mode import Service

from streams.errors import StateUnavailable
from streams.outage import Outage, Outages
from streams.state.guard import GuardStore
from streams.tasks import Tasks
from streams.versions.guard_state import FRESH, Guard

log = logging.getLogger(__name__)

_MOST = 5.0


class GuardWatch(Service):
    """Args:
    poll: seconds between two looks; more than five would leave answers unguarded for as long.
    clock: seconds, monotonic.
    """

    def __init__(self, tasks: Tasks, store: GuardStore, poll: float, clock: Callable[[], float]) -> None:
        super().__init__()
        self._live_tasks = tasks
        self._store = store
        self._poll = min(poll, _MOST)
        self._clock = clock
        self._known, self._read_at = Guard(unseen=True), clock()
        self._uncounted = Outage(
            log, "nothing counts as certified", "certify counts all audits again", clock=clock
        )
        self._unguarded = Outages(
            log, "everything is deferred, since nobody counts audits", "the task is answered again", clock
        )
        self._unguarded_tasks: frozenset[str] = frozenset()

    async def on_start(self) -> None:
        await self.look()
        self.add_future(self._repeat())

    async def look(self) -> None:
        """Look once, and let the tasks know."""
        try:
            found = await self._store.read()
        except StateUnavailable:
            found = None
        if found is not None:
            self._known, self._read_at = found, self._clock()
        guard = replace(self._known, age=self._known.age + self._clock() - self._read_at)
        self._log_change(guard, frozenset(self._live_tasks.set_guard(guard)))

    def _log_change(self, guard: Guard, unguarded: frozenset[str]) -> None:
        is_fresh = guard.is_fresh or (guard.unseen and guard.age < FRESH)  # certify may just be starting
        if is_fresh:
            self._uncounted.note_success()
        else:
            self._uncounted.note_failure(_why(guard))
        for task in sorted(unguarded - self._unguarded_tasks):
            self._unguarded.note_failure(task, _why(guard), task=task)
        for task in sorted(self._unguarded_tasks - unguarded):
            self._unguarded.note_success(task)
        self._unguarded_tasks = unguarded

    async def _repeat(self) -> None:
        while not self.should_stop:
            await self.sleep(self._poll)
            await self.look()


def _why(guard: Guard) -> str:
    if guard.unseen:
        return "no heartbeat of certify has been seen yet"
    rebuilding = ", and reads lost counts again" if guard.rebuilding else ""
    return f"certify has not counted the audits of the last {guard.age:.0f} s{rebuilding}"
