"""Routes of a text that is tried: what a task would do with it. They change nothing."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.dry_run import DryRun
from streams.dashboard.reading_rights import require_serving
from streams.dashboard.task_calls import TaskNames, json_response
from streams.dashboard.try_view import TryCall, try_view
from streams.errors import DryRunFailed, StateUnavailable
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import BodyLimit, decoder, headers_of_call, read_body
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.gateway_settings import GatewaySettings
from streams.tasks import Tasks

_try = decoder(TryCall)


class TryRoutes:
    """A text is sent in the body: an address would be in the logs of proxies."""

    def __init__(
        self, settings: GatewaySettings, check: CallerCheck, names: TaskNames, tasks: Tasks, dry_run: DryRun
    ) -> None:
        self._limit = BodyLimit("max_body", settings.max_body, settings.body_timeout)
        self._check = check
        self._names = names
        self._tasks = tasks
        self._dry_run = dry_run

    def routes(self) -> list[Route]:
        return [Route("/dashboard/read/try/{task:path}", self._try, methods=["POST"])]

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
