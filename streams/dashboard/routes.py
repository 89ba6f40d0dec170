"""Routes of the dashboard: the page's files, and a stream for all tasks or for one.

The files hold no data and need no key; for the streams see `streams.dashboard.view_streams`. Nothing here
changes anything.
"""

from typing import Protocol

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.encoded_views import EncodedViews
from streams.dashboard.live_view import LiveView
from streams.dashboard.page_files import INDEX, PageFiles
from streams.dashboard.tasks.views import OverviewView, TaskView
from streams.dashboard.view_streams import KeyTasks, ViewStreams, tasks_of
from streams.errors import StateUnavailable
from streams.gateway.problems import HttpProblem, ProblemKind

_PAGES = ("", "/events", "/system", "/tasks/{task:path}")


class ViewSource(Protocol):
    """Where views come from; all raise StateUnavailable."""

    async def overview(self) -> OverviewView: ...

    async def task(self, name: str) -> TaskView: ...

    async def knows(self, name: str) -> bool: ...


class DashboardRoutes:
    """Args:
    look: seconds between two reads of what is watched, at least.
    """

    def __init__(self, streams: ViewStreams, reader: ViewSource, look: float = 2.0) -> None:
        self._streams = streams
        self._reader = reader
        self._look = look
        self._overview = LiveView[OverviewView](reader.overview, look)
        self._encoded_overview = EncodedViews(_allowed)
        self._tasks: dict[str, tuple[LiveView[TaskView], EncodedViews[TaskView, None]]] = {}
        self._files = PageFiles()

    def routes(self) -> list[Route]:
        return [
            *(Route(f"/dashboard{path}", self._show_page, methods=["GET"]) for path in _PAGES),
            Route("/dashboard/page/{name}", self._show_file, methods=["GET"]),
            Route("/dashboard/stream", self._stream_overview, methods=["GET"]),
            Route("/dashboard/stream/{task:path}", self._stream_task, methods=["GET"]),
        ]

    async def _show_page(self, call: Request) -> Response:
        return self._files.response(INDEX, call.headers)

    async def _show_file(self, call: Request) -> Response:
        return self._files.response(call.path_params["name"], call.headers)

    async def _stream_overview(self, call: Request) -> Response:
        caller = self._streams.admit(call)
        return self._streams.open(call, caller, self._overview, self._encoded_overview, tasks_of)

    async def _stream_task(self, call: Request) -> Response:
        name = call.path_params["task"]
        caller = self._streams.admit(call, name)
        if not await self._is_known(name):
            raise HttpProblem(
                ProblemKind.NOT_FOUND,
                "there is no such task: it has no config, no policy and no labels in the last hour; "
                "the first request, or `understudy config set`, makes one",
                task=name,
            )
        for other in [other for other, (live, _) in self._tasks.items() if not live.is_watched]:
            del self._tasks[other]
        if name not in self._tasks:
            live = LiveView(lambda: self._reader.task(name), self._look)
            self._tasks[name] = live, EncodedViews(lambda view, _: view)
        return self._streams.open(call, caller, *self._tasks[name], lambda _: None, name)

    async def _is_known(self, name: str) -> bool:
        """Also where nobody can say: then the stream says why."""
        try:
            return await self._reader.knows(name)
        except StateUnavailable:
            return True


def _allowed(view: OverviewView, tasks: KeyTasks) -> OverviewView:
    """What a key for these tasks shows."""
    if tasks is None:
        return view
    rows = [row for row in view.rows if row.task in tasks]
    return replace(view, rows=rows, unreadable=[name for name in view.unreadable if name in tasks])
