"""Routes of labels: what is known of each, and, when asked for, the answers that the teacher contradicts."""

import asyncio
from typing import Protocol

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.reading_rights import require_texts
from streams.dashboard.requests.newest_traces import NewestTraces, traces_for_caller
from streams.dashboard.task_calls import TaskNames, json_response
from streams.dashboard.versions.labels_view import LabelsView
from streams.dashboard.versions.suspects_view import suspects_view
from streams.errors import StateUnavailable
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import headers_of_call
from streams.gateway.problems import unavailable
from streams.tasks import Tasks


class LabelsSource(Protocol):
    """Where labels are read from."""

    async def labels(self, task: str) -> LabelsView:
        """Raises StateUnavailable."""


class LabelsRoutes:
    """What `/dashboard/read/labels` and `/dashboard/read/suspects` do."""

    def __init__(
        self, check: CallerCheck, names: TaskNames, tasks: Tasks, source: LabelsSource, traces: NewestTraces
    ) -> None:
        self._check = check
        self._names = names
        self._tasks = tasks
        self._source = source
        self._traces = traces

    def routes(self) -> list[Route]:
        return [
            Route("/dashboard/read/labels/{task:path}", self._labels, methods=["GET"]),
            Route("/dashboard/read/suspects/{task:path}", self._suspects, methods=["GET"]),
        ]

    async def _labels(self, call: Request) -> Response:
        caller = self._check.admit(headers_of_call(call))
        task = self._names.task(call, caller)
        try:
            found = await self._source.labels(task)
            return json_response(replace(found, may_change=caller.may_operate))
        except StateUnavailable as error:
            raise unavailable(str(error), task=task) from error

    async def _suspects(self, call: Request) -> Response:
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        task = self._names.task(call, caller)
        require_texts(caller, headers)
        found = await traces_for_caller(self._traces, self._tasks.task(task))
        return json_response(await asyncio.to_thread(suspects_view, found))
