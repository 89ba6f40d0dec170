"""Streams of views: admits callers for as long as their keys hold, and bounds how many streams are open.

They ask for what every call of the gateway needs: without keys they answer callers of this machine,
otherwise a key. The page reads them with `fetch`, which can send a key; so nothing is kept in cookies, and no
other site can read on its user's behalf.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from schemas.config import EVERY_TASK
from schemas.messages import TaskName
from streams.dashboard.encoded_views import (
    EncodedViews,
    Parts,
    Scope,
    Viewed,
    problem_event,
)
from streams.dashboard.event_stream import EventStream
from streams.dashboard.live_view import LiveView
from streams.dashboard.packing import ToldEvent, packed_stream, plain_stream, takes_gzip
from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.calls import headers_of_call
from streams.gateway.problems import HttpProblem, ProblemKind

MOST_STREAMS = 64
"""Streams at once, in all: each holds one of the gateway's places for calls."""
MOST_OF_A_KEY = 16
"""Of one key, so that it leaves places for others."""

Counted = TypeVar("Counted")
KeyTasks = frozenset[str] | None
"""The tasks that a caller's key is for; None: all."""


class Ending(Protocol):
    """A live view of anything."""

    def end(self) -> None: ...


class ViewStreams:
    """Used on the event loop only."""

    def __init__(self, check: CallerCheck) -> None:
        self._check = check
        self._open: Counter[str | None] = Counter()
        self._watched: Counter[Ending] = Counter()
        self._is_over = False

    def admit(self, call: Request, task: str | None = None) -> Caller:
        """Who calls. Raises HttpProblem: nobody who may see it, or there is no task of this name."""
        if task is not None:
            check_name(task)
        return self._admit(headers_of_call(call), task)

    def open(
        self,
        call: Request,
        caller: Caller,
        live: LiveView[Viewed],
        encoded: EncodedViews[Viewed, Scope],
        scope: Callable[[Caller], Scope],
        task: str | None = None,
    ) -> Response:
        """The stream of a view.

        Args:
            caller: who was admitted; the key is looked at again with each view.
            scope: what a caller is shown.
            task: that the caller's key must be for.

        Raises:
            HttpProblem: too many are open.
        """
        headers = headers_of_call(call)
        key = caller.key.id if caller.key else None
        self._check_places(key)
        self._open[key] += 1
        self._watched[live] += 1
        if self._is_over:
            live.end()

        def admit() -> Caller:
            return self._admit(headers, task)

        events = _events(live, encoded, scope, admit)
        if takes_gzip(headers):
            return EventStream(packed_stream(events), lambda: self._note_end(key, live), "gzip")
        return EventStream(plain_stream(events), lambda: self._note_end(key, live))

    def end(self) -> None:
        """End all streams, also those that are about to begin: the server stops."""
        self._is_over = True
        for live in self._watched:
            live.end()

    def _admit(self, headers: dict[str, str], task: str | None) -> Caller:
        """Who calls, as the keys are at this moment: a stream may go on for longer than its key."""
        caller = self._check.admit(headers)
        if task is not None and not caller.allows(task):
            raise HttpProblem(ProblemKind.FORBIDDEN, "the key is not for this task")
        return caller

    def _check_places(self, key: str | None) -> None:
        in_all = self._open.total()
        if in_all >= MOST_STREAMS or (key is not None and self._open[key] >= MOST_OF_A_KEY):
            whose = f"{in_all} pages" if key is None else f"{self._open[key]} pages with this key"
            raise HttpProblem(
                ProblemKind.BUSY, f"{whose} of the dashboard are open already ({in_all} in all): close some"
            )

    def _note_end(self, key: str | None, live: Ending) -> None:
        _count_down(self._open, key)
        _count_down(self._watched, live)


def _count_down(counts: Counter[Counted], one: Counted) -> None:
    counts[one] -= 1
    if not counts[one]:
        del counts[one]


def tasks_of(caller: Caller) -> KeyTasks:
    """The tasks that the caller is shown."""
    if caller.key is None or EVERY_TASK in caller.key.tasks:
        return None
    return frozenset(caller.key.tasks)


def check_name(task: str) -> None:
    """Raises HttpProblem: a task can't have this name. So no address leads to another key of Redis."""
    try:
        msgspec.convert(task, TaskName)
    except msgspec.ValidationError as error:
        raise HttpProblem(ProblemKind.NOT_FOUND, f"there is no such task: {error}") from error


async def _events(
    live: LiveView[Viewed],
    encoded: EncodedViews[Viewed, Scope],
    scope: Callable[[Caller], Scope],
    admit: Callable[[], Caller],
) -> AsyncGenerator[ToldEvent, None]:
    """The view, and then its changes, until the caller's key is none any more."""
    told: Parts | None = None
    async with aclosing(live.watch()) as views:
        async for view in views:
            try:
                caller = admit()
            except HttpProblem:
                return
            if isinstance(view, str):
                yield problem_event(view)
                continue
            found = encoded.parts(view, scope(caller))
            yield encoded.event(found, told)
            told = found
