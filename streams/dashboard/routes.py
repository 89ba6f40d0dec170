"""Routes of the dashboard: the page's files, and an event stream for all tasks or for one.

The files hold no data and need no key. The streams ask for what every call of the gateway needs: without keys
they answer callers of this machine, otherwise a key, and then they show the key's tasks. The page reads them
with `fetch`, which can send a key; so nothing is kept in cookies, and no other site can read on its user's
behalf. Nothing here changes anything.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from importlib.resources import files
from pathlib import PurePath
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.secrets import masked
from streams.dashboard.event_stream import EventStream
from streams.dashboard.live_view import LiveView, View
from streams.dashboard.views import OverviewView, TaskView
from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.calls import headers_of_call
from streams.gateway.problems import HttpProblem, ProblemKind

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of the page."""
MOST_STREAMS = 64
"""Streams at once, in all: each holds one of the gateway's places for calls."""
MOST_OF_A_KEY = 16
"""Of one key, so that it leaves places for others."""
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


class ViewSource(Protocol):
    """Where views come from; both raise StateUnavailable."""

    async def overview(self) -> OverviewView: ...

    async def task(self, name: str) -> TaskView: ...


class DashboardRoutes:
    """Args:
    look: seconds between two reads of what is watched, at least.
    """

    def __init__(self, check: CallerCheck, reader: ViewSource, look: float = 2.0) -> None:
        self._check = check
        self._reader = reader
        self._look = look
        self._overview = LiveView[OverviewView](reader.overview, look)
        self._tasks: dict[str, LiveView[TaskView]] = {}
        self._streams: Counter[str | None] = Counter()
        self._is_over = False
        page = (files("streams.dashboard") / "page").iterdir()
        self._files = {one.name: one.read_bytes() for one in page if PurePath(one.name).suffix in _TYPES}

    def routes(self) -> list[Route]:
        return [
            Route("/dashboard", self._show_page, methods=["GET"]),
            Route("/dashboard/tasks/{task:path}", self._show_page, methods=["GET"]),
            Route("/dashboard/page/{name}", self._show_file, methods=["GET"]),
            Route("/dashboard/stream", self._stream_overview, methods=["GET"]),
            Route("/dashboard/stream/{task:path}", self._stream_task, methods=["GET"]),
        ]

    def end(self) -> None:
        """End all streams, also those that are about to begin: the server stops."""
        self._is_over = True
        self._overview.end()
        for live in self._tasks.values():
            live.end()

    async def _show_page(self, _: Request) -> Response:
        return self._file("index.html")

    async def _show_file(self, call: Request) -> Response:
        name = call.path_params["name"]
        if name not in self._files:
            raise HttpProblem(ProblemKind.NOT_FOUND, "the dashboard has no such file")
        return self._file(name)

    def _file(self, name: str) -> Response:
        return Response(self._files[name], headers=_HEADERS, media_type=_TYPES[PurePath(name).suffix])

    async def _stream_overview(self, call: Request) -> Response:
        return self._stream(self._overview, _allowed, self._admit(call))

    async def _stream_task(self, call: Request) -> Response:
        name = call.path_params["task"]
        admit = self._admit(call, name)
        for other in [other for other, view in self._tasks.items() if not view.is_watched]:
            del self._tasks[other]
        live = self._tasks.setdefault(name, LiveView(lambda: self._reader.task(name), self._look))
        if self._is_over:
            live.end()
        return self._stream(live, lambda view, _: view, admit)

    def _admit(self, call: Request, task: str | None = None) -> Callable[[], Caller]:
        """Who calls, as the keys are at each moment: a stream may go on for longer than its key."""
        headers = headers_of_call(call)

        def admit() -> Caller:
            caller = self._check.admit(headers)
            if task is not None and not caller.allows(task):
                raise HttpProblem(ProblemKind.FORBIDDEN, "the key is not for this task")
            return caller

        key, in_all = _key_id(admit()), self._streams.total()
        if in_all >= MOST_STREAMS or (key is not None and self._streams[key] >= MOST_OF_A_KEY):
            whose = f"{in_all} pages" if key is None else f"{self._streams[key]} pages with this key"
            raise HttpProblem(
                ProblemKind.BUSY, f"{whose} of the dashboard are open already ({in_all} in all): close some"
            )
        return admit

    def _stream(
        self, live: LiveView[View], shown: Callable[[View, Caller], object], admit: Callable[[], Caller]
    ) -> Response:
        key = _key_id(admit())
        self._streams[key] += 1
        return EventStream(_events(live, shown, admit), lambda: self._note_end(key))

    def _note_end(self, key: str | None) -> None:
        self._streams[key] -= 1
        if not self._streams[key]:
            del self._streams[key]


def _key_id(caller: Caller) -> str | None:
    return caller.key.id if caller.key else None


async def _events(
    live: LiveView[View], shown: Callable[[View, Caller], object], admit: Callable[[], Caller]
) -> AsyncGenerator[bytes, None]:
    """One event for each read, until the caller's key is none any more."""
    async with aclosing(live.watch()) as views:
        async for view in views:
            try:
                caller = admit()
            except HttpProblem:
                return
            yield _event(view if isinstance(view, str) else shown(view, caller))


def _allowed(view: OverviewView, caller: Caller) -> OverviewView:
    """What the caller's key is for."""
    rows = [row for row in view.rows if caller.allows(row.task)]
    unreadable = [name for name in view.unreadable if caller.allows(name)]
    return msgspec.structs.replace(view, rows=rows, unreadable=unreadable)


def _event(view: object) -> bytes:
    """The view; or why there is none now."""
    if isinstance(view, str):
        return b"event: problem\ndata: %s\n\n" % msgspec.json.encode({"detail": masked(view)})
    return b"event: view\ndata: %s\n\n" % msgspec.json.encode(view)
