"""Route of a task's days: coverage, cost and savings, read from Redis when somebody asks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.task_calls import TaskNames, json_response
from streams.dashboard.tasks.day_rows import days_view
from streams.errors import StateUnavailable
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import headers_of_call
from streams.gateway.problems import unavailable
from streams.tasks import Tasks

_DAYS = 35


class DaySource(Protocol):
    """Where days come from; raises StateUnavailable."""

    async def newest_days(self, task: str, most: int) -> Sequence[tuple[int, Mapping[str, float]]]: ...


class DaysRoutes:
    """What `/dashboard/read/days/TASK` does.

    Args:
        now: Unix milliseconds.
    """

    def __init__(
        self,
        check: CallerCheck,
        names: TaskNames,
        spending: DaySource,
        tasks: Tasks,
        now: Callable[[], int],
    ) -> None:
        self._check = check
        self._names = names
        self._spending = spending
        self._tasks = tasks
        self._now = now

    def routes(self) -> list[Route]:
        return [Route("/dashboard/read/days/{task:path}", self._show, methods=["GET"])]

    async def _show(self, call: Request) -> Response:
        task = self._names.task(call, self._check.admit(headers_of_call(call)))
        try:
            days = await self._spending.newest_days(task, _DAYS)
        except StateUnavailable as error:
            raise unavailable(f"the days can't be read now: {error}", task=task) from error
        view = days_view(days, self._tasks.task(task).config.teacher.price, self._now())
        return json_response(view)
