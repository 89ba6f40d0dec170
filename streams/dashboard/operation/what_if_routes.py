"""Route of what-if: what other targets would bring to a task. It changes nothing."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.operation.what_if_reader import WhatIfReader
from streams.dashboard.task_calls import TaskNames, json_response
from streams.errors import StateUnavailable
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import headers_of_call
from streams.gateway.own_page import refuse_other_pages
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable

_MOST = 1e12


class WhatIfRoutes:
    """What `/dashboard/read/what-if` does."""

    def __init__(self, check: CallerCheck, names: TaskNames, reader: WhatIfReader) -> None:
        self._check = check
        self._names = names
        self._reader = reader

    def routes(self) -> list[Route]:
        return [Route("/dashboard/read/what-if/{task:path}", self._read, methods=["GET"])]

    async def _read(self, call: Request) -> Response:
        headers = headers_of_call(call)
        task = self._names.task(call, self._check.admit(headers))
        refuse_other_pages(headers, "have estimates computed")
        requests, price = _amount(call, "requests_a_day"), _amount(call, "price_a_call")
        try:
            return json_response(await self._reader.read(task, requests or None, price))
        except StateUnavailable as error:
            raise unavailable(str(error), task=task) from error


def _amount(call: Request, name: str) -> float | None:
    """A number of the query; None where it has none. Raises HttpProblem."""
    given = call.query_params.get(name)
    if given is None:
        return None
    try:
        amount = float(given)
    except ValueError:
        amount = -1.0
    if not 0.0 <= amount <= _MOST:
        raise HttpProblem(ProblemKind.INVALID, f"`{name}`: a number of 0 or more is needed")
    return amount
