"""Routes of the time line: the newest events, as a stream, filtered as its address says."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.events import EventKind
from streams.dashboard.encoded_views import EncodedViews
from streams.dashboard.live_view import LiveView
from streams.dashboard.system.recent_events import EventLine, RecentEvents
from streams.dashboard.system.time_line import EventFilter, TimeLineView, time_line
from streams.dashboard.task_calls import TaskNames
from streams.dashboard.view_streams import ViewStreams, tasks_of
from streams.gateway.caller_check import Caller
from streams.gateway.problems import HttpProblem, ProblemKind

_MOST_FILTERS = 64


class _NewestEvents(NamedTuple):
    at: int
    lines: Sequence[EventLine]


class EventsRoutes:
    """Args:
    now: Unix milliseconds.
    look: seconds between two looks at what is in memory.
    """

    def __init__(
        self,
        streams: ViewStreams,
        names: TaskNames,
        events: RecentEvents,
        now: Callable[[], int],
        look: float = 2.0,
    ) -> None:
        self._streams = streams
        self._names = names
        self._events = events
        self._now = now
        self._newest: Sequence[EventLine] = ()
        self._seen = -1
        self._made: dict[EventFilter, TimeLineView] = {}
        self._asked: tuple[EventFilter, ...] = ()
        self._live = LiveView(self._read, look)
        self._encoded = EncodedViews(self._shown)

    def routes(self) -> list[Route]:
        return [Route("/dashboard/watch/events", self._watch, methods=["GET"])]

    async def _watch(self, call: Request) -> Response:
        task, kind = call.query_params.get("task") or None, call.query_params.get("kind") or None
        folded = call.query_params.get("folded") != "no"
        caller = self._streams.admit(call, task)
        if task is not None and not self._events.tell_of(task):
            self._names.check(task, caller)
        if kind not in (None, *EventKind):
            raise HttpProblem(ProblemKind.NOT_FOUND, "there are no events of this kind")

        def scope(caller: Caller) -> EventFilter:
            return EventFilter(tasks_of(caller), task, kind, folded)

        return self._streams.open(call, caller, self._live, self._encoded, scope, task)

    async def _read(self) -> _NewestEvents:
        if self._events.noted != self._seen:
            self._seen, self._newest = self._events.noted, list(self._events.lines())
            # On the event loop, where requests wait, each would take some 30 ms.
            self._made = await asyncio.to_thread(_lines_of_all, self._newest, self._asked, self._now())
            self._asked = ()
        return _NewestEvents(self._now(), self._newest)

    def _shown(self, newest: _NewestEvents, asked: EventFilter) -> TimeLineView:
        """Made once for all who ask for the same, until there is another event; then before they ask."""
        if asked not in self._asked:
            self._asked = (*self._asked[-_MOST_FILTERS + 1 :], asked)
        found = self._made.get(asked)
        if found is None:
            if len(self._made) >= _MOST_FILTERS:
                self._made = {}
            found = self._made[asked] = time_line(newest.lines, asked, newest.at)
        return replace(found, at=newest.at)


def _lines_of_all(
    lines: Sequence[EventLine], asked: Sequence[EventFilter], at: int
) -> dict[EventFilter, TimeLineView]:
    return {one: time_line(lines, one, at) for one in asked}
