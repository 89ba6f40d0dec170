"""ASGI application of the gateway: routes, limits, and problems as `application/problem+json`."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.gateway.answer_headers import EXPOSED
from streams.gateway.call_limits import GatewayLimits, set_place
from streams.gateway.direct_routes import DirectRoutes
from streams.gateway.docs_routes import docs_routes
from streams.gateway.problem_response import client_gone, is_of_openai, problem_response
from streams.gateway.problems import ClientGone, HttpProblem, ProblemKind
from streams.gateway.traced_calls import TracedCalls
from streams.gateway_settings import GatewaySettings
from streams.tracing.contract import NO_TRACING, Tracing

_UNKNOWN = "there is no such path"
_DAY = 86_400
_HEALTH = "/healthz"


def create_gateway(
    settings: GatewaySettings,
    routes: Sequence[BaseRoute],
    limits: GatewayLimits,
    tracing: Tracing = NO_TRACING,
) -> Starlette:
    """The application with these routes, those that describe them, and `/healthz`: the process runs."""
    middleware = [Middleware(LimitedCalls, limits=limits), Middleware(DirectRoutes, routes=routes)]
    if tracing.is_on:
        middleware.insert(0, Middleware(TracedCalls, tracing=tracing, routes=routes))
    if settings.cors_origins:
        middleware.insert(0, _cors(settings.cors_origins))
    app = Starlette(
        routes=[*routes, *docs_routes(), Route(_HEALTH, _healthy, methods=["GET"])],
        middleware=middleware,
        exception_handlers={
            HttpProblem: _problem,
            HTTPException: _unknown_route,
            ClientGone: _nobody,
            Exception: _defect,
        },
    )
    app.router.redirect_slashes = False  # it would send a caller, with its key, to the host that it has named
    return app


class LimitedCalls:
    """Refuses a call while too many others are worked on; never a look at whether the process runs."""

    def __init__(self, app: ASGIApp, limits: GatewayLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == _HEALTH:
            await self._app(scope, receive, send)
            return
        try:
            place = self._limits.admit()
        except HttpProblem as busy:
            await problem_response(Request(scope), busy)(scope, receive, send)
            return
        set_place(scope, place)
        try:
            await self._app(scope, receive, send)
        finally:
            place.end()


def _cors(origins: tuple[str, ...]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["*"],  # of these origins; OpenAI's client in a page sends a dozen of its own
        expose_headers=list(EXPOSED),
        max_age=_DAY,
    )


async def _healthy(_: Request) -> Response:
    return Response(b"ok\n", media_type="text/plain")


async def _problem(call: Request, error: Exception) -> Response:
    if not isinstance(error, HttpProblem):
        raise error
    return problem_response(call, error)


async def _unknown_route(call: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == ProblemKind.METHOD.status:
        allowed = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        methods = allowed.get("Allow", "")
        wrong = HttpProblem(ProblemKind.METHOD, f"this path takes {methods}", headers={"allow": methods})
        return problem_response(call, wrong)
    forwarded = is_of_openai(call)
    unknown = "the gateway does not forward this path: call the LLM's API itself" if forwarded else _UNKNOWN
    return problem_response(call, HttpProblem(ProblemKind.NOT_FOUND, f"{unknown}; see /docs"))


async def _nobody(_: Request, __: Exception) -> Response:
    return client_gone()


async def _defect(call: Request, _: Exception) -> Response:
    # Starlette raises it again once the response is out, so that the server logs it.
    return problem_response(
        call, HttpProblem(ProblemKind.DEFECT, "a defect of the gateway; its log says more")
    )
