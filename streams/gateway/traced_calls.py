"""Traced calls: a span for each call of the API, the parent of what the call leads to.

Left out are `/healthz`, the dashboard, and the exports of spans: those of this process may be among them.
"""

from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.tracing.contract import Tracing

_API = "/v1/"
_SPANS = "/v1/traces"
_UNKNOWN = "unknown"
_SHOWN = b"x-understudy-"


class TracedCalls:
    """ASGI middleware, there only where tracing is on."""

    def __init__(self, app: ASGIApp, tracing: Tracing, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._tracing = tracing
        self._routes = [route for route in routes if isinstance(route, Route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path == _SPANS or not path.startswith(_API):
            await self._app(scope, receive, send)
            return
        span = self._tracing.http_call(scope["method"], self._route(path), scope["headers"])
        started: MutableMapping[str, Any] = {}

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            await send(message)

        try:
            await self._app({**scope, "headers": span.headers}, receive, watched)
        finally:
            answer = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in started.get("headers", ())
                if name.startswith(_SHOWN)
            }
            span.end(started.get("status"), answer)

    def _route(self, path: str) -> str:
        """As the application declares it: a path may hold ids."""
        return next((route.path for route in self._routes if route.path_regex.match(path)), _UNKNOWN)
