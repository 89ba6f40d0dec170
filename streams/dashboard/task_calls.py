"""Calls about one task: the task that the address names, and what they are answered."""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from schemas.messages import TaskName
from streams.dashboard.tasks.label_counts import LabelCounts
from streams.gateway.caller_check import Caller
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.tasks import Tasks

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class TaskNames:
    """Args:
    traffic: the labels of a task in the last hour.
    """

    def __init__(self, tasks: Tasks, traffic: Callable[[str], LabelCounts]) -> None:
        self._tasks = tasks
        self._traffic = traffic

    def task(self, call: Request, caller: Caller) -> str:
        """The task that the address names. Raises HttpProblem: there is none, or the key is not for it."""
        name: str = call.path_params["task"]
        self.check(name, caller)
        return name

    def check(self, name: str, caller: Caller) -> None:
        """Raises HttpProblem: there is no task of this name, or the key is not for it."""
        try:
            msgspec.convert(name, TaskName)
        except msgspec.ValidationError as error:
            raise HttpProblem(ProblemKind.NOT_FOUND, "no task can have this name") from error
        if not caller.allows(name):
            raise HttpProblem(ProblemKind.FORBIDDEN, "the key is not for this task")
        if not (self._tasks.knows(name) or self._traffic(name).labels):
            raise HttpProblem(
                ProblemKind.NOT_FOUND,
                "nobody has configured this task, and it had no request in the last hour",
                task=name,
            )


def json_response(content: object) -> Response:
    """What a page reads or has changed."""
    return Response(msgspec.json.encode(content), headers=_HEADERS, media_type="application/json")
