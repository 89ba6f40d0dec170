"""Routes of one request: why it was answered or deferred. They change nothing."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.messages import Trace
from streams.dashboard.reading_rights import require_serving, require_texts
from streams.dashboard.requests.dry_run import DryRun
from streams.dashboard.requests.newest_traces import NewestTraces, traces_for_caller
from streams.dashboard.requests.request_outcome import RequestEvidence
from streams.dashboard.requests.request_view import RequestCall, request_view
from streams.dashboard.task_calls import TaskNames, json_response
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import BodyLimit, decoder, headers_of_call, read_body
from streams.gateway.recent_labels import RecentLabels
from streams.gateway_settings import GatewaySettings
from streams.tasks import Tasks

_ask = decoder(RequestCall)


class RequestRoutes:
    """Args:
    traces: where the text of a request may still be found.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        check: CallerCheck,
        names: TaskNames,
        tasks: Tasks,
        recent: RecentLabels,
        dry_run: DryRun,
        traces: NewestTraces,
    ) -> None:
        self._limit = BodyLimit("max_body", settings.max_body, settings.body_timeout)
        self._check = check
        self._names = names
        self._tasks = tasks
        self._recent = recent
        self._dry_run = dry_run
        self._traces = traces

    def routes(self) -> list[Route]:
        return [Route("/dashboard/read/request/{task:path}", self._explain, methods=["POST"])]

    async def _explain(self, call: Request) -> Response:
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        task = self._names.task(call, caller)
        require_serving(caller)
        asked = _ask(headers, await read_body(call, headers, self._limit, place_of(call.scope)))
        if asked.search:
            require_texts(caller, headers)
        known = self._recent.find(task, asked.id)
        pending = known is not None and self._recent.is_under_way(known)
        trace = await self._trace(task, asked.id) if asked.search else None
        evidence = RequestEvidence(known.label if known else None, pending, trace)
        return json_response(await request_view(self._dry_run, task, asked, evidence))

    async def _trace(self, task: str, request: str) -> Trace | None:
        found = await traces_for_caller(self._traces, self._tasks.task(task))
        return next((trace for trace in reversed(found.traces) if trace.id == request), None)
