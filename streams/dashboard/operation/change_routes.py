"""Routes by which persons change a task: what there is to change, what a wish would change, and the change.

Nothing is changed by GET, and nothing without the right to operate (`streams.gateway.operator_check`).
"""

from collections.abc import Callable
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.errors import InvalidConfig
from schemas.operator_change import ChangeWish, OperatorChange
from streams.changes.author import ChangeAuthor
from streams.changes.change_maker import ChangePreview
from streams.dashboard.operation.changes_reader import ChangesView
from streams.dashboard.operation.required_reason import required_reason
from streams.dashboard.task_calls import TaskNames, json_response
from streams.errors import ChangeOutdated, DeliveryFailed, StateUnavailable, StreamsError, TransitionRefused
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.calls import BodyLimit, decoder, headers_of_call, read_body
from streams.gateway.operator_check import admit_operator
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.gateway_settings import GatewaySettings


class _Preview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wish: ChangeWish


class _Apply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    seen: of the preview.
    """

    wish: ChangeWish
    reason: str
    seen: str


_preview = decoder(_Preview)
_apply = decoder(_Apply)


class ChangeSource(Protocol):
    """What there is to change. Raises StateUnavailable."""

    async def read(self, task: str, caller: Caller) -> ChangesView: ...


class Maker(Protocol):
    """Previews and makes changes; see `streams.changes.change_maker.ChangeMaker`."""

    async def preview(self, task: str, wish: ChangeWish, author: ChangeAuthor) -> ChangePreview: ...

    async def make(self, task: str, wish: ChangeWish, author: ChangeAuthor, seen: str) -> OperatorChange: ...


class ChangeRoutes:
    """What `/dashboard/read/changes` and `/dashboard/change/...` do.

    Args:
        is_ready: whether the config topic has been read; before that nobody knows what would change.
        now: Unix milliseconds.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        check: CallerCheck,
        names: TaskNames,
        reader: ChangeSource,
        maker: Maker,
        is_ready: Callable[[], bool],
        now: Callable[[], int],
    ) -> None:
        self._limit = BodyLimit("max_body", settings.max_body, settings.body_timeout)
        self._check = check
        self._names = names
        self._reader = reader
        self._maker = maker
        self._is_ready = is_ready
        self._now = now

    def routes(self) -> list[Route]:
        return [
            Route("/dashboard/read/changes/{task:path}", self._read, methods=["GET"]),
            Route("/dashboard/change/preview/{task:path}", self._show, methods=["POST"]),
            Route("/dashboard/change/apply/{task:path}", self._make, methods=["POST"]),
        ]

    async def _read(self, call: Request) -> Response:
        caller = self._check.admit(headers_of_call(call))
        task = self._names.task(call, caller)
        try:
            return json_response(await self._reader.read(task, caller))
        except StateUnavailable as error:
            raise unavailable(str(error), task=task) from error

    async def _show(self, call: Request) -> Response:
        """What a wish would change. A POST, since only who may change something may ask."""
        task, caller = self._admit(call)
        body = _preview(headers_of_call(call), await self._body(call))
        author = ChangeAuthor(caller.name, "", self._now())
        try:
            return json_response(await self._maker.preview(task, body.wish, author))
        except (StreamsError, InvalidConfig) as error:
            raise _problem(error, task) from error

    async def _make(self, call: Request) -> Response:
        task, caller = self._admit(call)
        body = _apply(headers_of_call(call), await self._body(call))
        author = ChangeAuthor(caller.name, required_reason(body.reason, task), self._now())
        try:
            return json_response(await self._maker.make(task, body.wish, author, body.seen))
        except (StreamsError, InvalidConfig) as error:
            raise _problem(error, task) from error

    def _admit(self, call: Request) -> tuple[str, Caller]:
        caller = admit_operator(self._check, headers_of_call(call))
        task = self._names.task(call, caller)
        if not self._is_ready():
            raise unavailable("Kafka is away, so the config is not read yet", task=task)
        return task, caller

    async def _body(self, call: Request) -> bytes:
        return await read_body(call, headers_of_call(call), self._limit, place_of(call.scope))


def _problem(error: Exception, task: str) -> HttpProblem:
    match error:
        case InvalidConfig():
            return HttpProblem(ProblemKind.INVALID, str(error), task=task)
        case ChangeOutdated() | TransitionRefused():
            return HttpProblem(ProblemKind.CONFLICT, str(error), task=task)
        case StateUnavailable():
            return unavailable(str(error), task=task)
        case DeliveryFailed():
            return unavailable(f"{error}: look whether it is changed before trying again", task=task)
        case HttpProblem():
            return error
    raise error
