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
        self._unguarded: frozenset[str] = frozenset()
        self._was_fresh = True

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
        if self._was_fresh and not is_fresh:
            log.warning("nothing counts as certified: %s", _why(guard))
        elif is_fresh and not self._was_fresh:
            log.warning("certify counts all audits again")
        for task in sorted(unguarded - self._unguarded):
            log.warning(
                "everything is deferred, since certify has counted no audits for %.0f s: task=%s",
                guard.age,
                task,
            )
        self._was_fresh, self._unguarded = is_fresh, unguarded

    async def _repeat(self) -> None:
        while not self.should_stop:
            await self.sleep(self._poll)
            await self.look()


def _why(guard: Guard) -> str:
    if guard.unseen:
        return "no heartbeat of certify has been seen yet"
    rebuilding = ", and reads lost counts again" if guard.rebuilding else ""
    return f"certify has not counted the audits of the last {guard.age:.0f} s{rebuilding}"
