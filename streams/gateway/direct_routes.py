"""Direct routes: a POST of a fixed path goes to what answers it, past Starlette's router.

The router tries one path after the other, and puts two layers around what answers, each with its own `send`.
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.gateway.problem_response import client_gone, problem_response
from streams.gateway.problems import ClientGone, HttpProblem

_METHOD = "POST"
_Answer = Callable[[Request], Awaitable[Response]]


class DirectRoutes:
    """ASGI middleware.

    Args:
        app: that has all routes; it takes the other calls.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._answers: dict[str, _Answer] = {
            route.path: route.endpoint
            for route in routes
            if isinstance(route, Route) and _METHOD in (route.methods or ()) and not route.param_convertors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_direct = scope["type"] == "http" and scope["method"] == _METHOD
        answer = self._answers.get(scope["path"]) if is_direct else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        call = Request(scope, receive)
        try:
            response = await answer(call)
            await response(scope, receive, send)
        except HttpProblem as problem:  # raised before anything was sent
            await problem_response(call, problem)(scope, receive, send)
        except ClientGone:
            await client_gone()(scope, receive, send)
