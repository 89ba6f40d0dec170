"""Route of a task's deferred requests and dead letters: read when somebody asks, and at no other time."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.reading_rights import may_read_texts, require_serving
from streams.dashboard.requests.deferred import DeferredView
from streams.dashboard.task_calls import TaskNames, json_response
from streams.dashboard.view_streams import tasks_of
from streams.errors import KafkaFailed
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import headers_of_call
from streams.gateway.problems import unavailable


class DeferredSource(Protocol):
    """Where rows come from; raises KafkaFailed."""

    async def view(self, task: str, *, sees_all: bool, operates: bool) -> DeferredView: ...


class DeferredRoutes:
    """What `/dashboard/read/deferred/TASK` does."""

    def __init__(self, check: CallerCheck, names: TaskNames, reader: DeferredSource) -> None:
        self._check = check
        self._names = names
        self._reader = reader

    def routes(self) -> list[Route]:
        return [Route("/dashboard/read/deferred/{task:path}", self._show, methods=["GET"])]

    async def _show(self, call: Request) -> Response:
        caller = self._check.admit(headers_of_call(call))
        task = self._names.task(call, caller)
        require_serving(caller)
        try:
            view = await self._reader.view(
                task, sees_all=tasks_of(caller) is None, operates=may_read_texts(caller)
            )
        except KafkaFailed as error:
            raise unavailable(f"deferrals and dead letters can't be read now: {error}", task=task) from error
        return json_response(view)
