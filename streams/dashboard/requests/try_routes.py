"""Routes of a text that is tried: what a task would do with it, and which traces are alike.

They change nothing.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.reading_rights import require_serving, require_texts
from streams.dashboard.requests.alike_view import AlikeCall, alike_view
from streams.dashboard.requests.dry_run import DryRun
from streams.dashboard.requests.newest_traces import NewestTraces, traces_for_caller
from streams.dashboard.requests.try_view import TryCall, try_view
from streams.dashboard.task_calls import TaskNames, json_response
from streams.errors import DryRunFailed, StateUnavailable
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import BodyLimit, decoder, headers_of_call, read_body
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.gateway_settings import GatewaySettings
from streams.tasks import Tasks

_try = decoder(TryCall)
_alike = decoder(AlikeCall)


class TryRoutes:
    """A text is sent in the body: an address would be in the logs of proxies."""

    def __init__(
        self,
        settings: GatewaySettings,
        check: CallerCheck,
        names: TaskNames,
        tasks: Tasks,
        dry_run: DryRun,
        traces: NewestTraces,
    ) -> None:
        self._limit = BodyLimit("max_body", settings.max_body, settings.body_timeout)
        self._check = check
        self._names = names
        self._tasks = tasks
        self._dry_run = dry_run
        self._traces = traces

    def routes(self) -> list[Route]:
        return [
            Route("/dashboard/read/try/{task:path}", self._try, methods=["POST"]),
            Route("/dashboard/read/alike/{task:path}", self._alike, methods=["POST"]),
        ]

    async def _try(self, call: Request) -> Response:
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        task = self._names.task(call, caller)
        require_serving(caller)
        body = _try(headers, await read_body(call, headers, self._limit, place_of(call.scope)))
        if body.text is None and body.embedding is None:
            raise HttpProblem(ProblemKind.INVALID, "send `text`, `embedding` or both", task=task)
        try:
            return json_response(await try_view(self._dry_run, self._tasks.task(task), body))
        except DryRunFailed as error:
            raise HttpProblem(ProblemKind.UNUSABLE, str(error), task=task) from error
        except StateUnavailable as error:
            raise unavailable(str(error), task=task) from error

    async def _alike(self, call: Request) -> Response:
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        task = self._names.task(call, caller)
        require_texts(caller, headers)
        body = _alike(headers, await read_body(call, headers, self._limit, place_of(call.scope)))
        found = await traces_for_caller(self._traces, self._tasks.task(task))
        return json_response(await asyncio.to_thread(alike_view, found, body.text))
