"""Routes of the system's view: one stream, for which the broker is asked every few seconds, once for all."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.encoded_views import EncodedViews
from streams.dashboard.live_view import LiveView
from streams.dashboard.system.system_view import SystemView, in_view
from streams.dashboard.view_streams import KeyTasks, ViewStreams, tasks_of


class SystemRoutes:
    """Args:
    look: seconds between two looks, at least.
    """

    def __init__(
        self, streams: ViewStreams, read: Callable[[], Awaitable[SystemView]], look: float = 5.0
    ) -> None:
        self._streams = streams
        self._live = LiveView[SystemView](read, look)
        self._encoded = EncodedViews[SystemView, KeyTasks](in_view)

    def routes(self) -> list[Route]:
        return [Route("/dashboard/watch/system", self._watch, methods=["GET"])]

    async def _watch(self, call: Request) -> Response:
        caller = self._streams.admit(call)
        return self._streams.open(call, caller, self._live, self._encoded, tasks_of)
