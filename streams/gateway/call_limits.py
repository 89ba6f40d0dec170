"""Call limits: how many calls are worked on, and how many requests wait for somebody else.

Each has a limit of its own, so that an LLM that hangs refuses nothing that can be answered at once; and each
task has its own limit of what waits, so that it refuses no other task's either. The memory of large bodies is
limited in all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from streams.gateway.problems import CLOSE, ClientGone, HttpProblem, ProblemKind
from streams.gateway_settings import GatewaySettings

_PLACE = "understudy.place"
_SOON = {"retry-after": "1"}
_LATER = {"retry-after": "5"}
_SMALL = 16_384
"""Bytes of a body that are always there."""


class GatewayLimits:
    """Counts calls, on the event loop only.

    Args:
        active: calls that are worked on at the same time, besides those that wait.
        waiting: requests of one task that wait for its teacher or LLM at the same time.
        waiting_in_all: the same of all tasks.
        memory: bytes of the larger bodies that are held at the same time.
    """

    def __init__(self, active: int, waiting: int, waiting_in_all: int, memory: int) -> None:
        self._memory = memory
        self.held = 0
        self._most_active = active
        self._most_waiting = waiting
        self._most_in_all = waiting_in_all
        self.active = 0
        self.waiting: Counter[str] = Counter()

    def admit(self) -> "CallPlace":
        """The place of a call that begins. Raises HttpProblem: too many are worked on."""
        if self.active >= self._most_active:
            raise HttpProblem(
                ProblemKind.BUSY, f"{self._most_active} calls are worked on: try again", headers=_SOON
            )
        self.active += 1
        return CallPlace(self)

    def begin_wait(self, task: str) -> None:
        """Count a request that waits. Raises HttpProblem: too many wait already."""
        own, everyone = self.waiting[task] >= self._most_waiting, self.waiting.total() >= self._most_in_all
        if own or everyone:
            whose = f"{self.waiting[task]} of task {task}" if own else f"{self.waiting.total()} of all tasks"
            raise HttpProblem(
                ProblemKind.BUSY,
                f"requests wait for their teacher or LLM already, {whose}: try again",
                task=task,
                headers=_LATER,
            )
        self.waiting[task] += 1

    def hold(self, added: int) -> None:
        """Count bytes of a body. Raises HttpProblem: too many are held."""
        if self.held + added > self._memory:
            raise HttpProblem(
                ProblemKind.BUSY,
                f"large bodies take {self._memory} bytes already (the setting `body_memory`): try again",
                headers={**_LATER, **CLOSE},
            )
        self.held += added

    def end_wait(self, task: str) -> None:
        self.waiting[task] -= 1
        if not self.waiting[task]:
            del self.waiting[task]


def call_limits(settings: GatewaySettings) -> GatewayLimits:
    return GatewayLimits(
        settings.concurrency, settings.waiting, settings.waiting_in_all, settings.body_memory
    )


class CallPlace:
    """What one call takes of the limits, until it ends."""

    def __init__(self, limits: GatewayLimits) -> None:
        self._limits = limits
        self._waits: defaultdict[str, int] = defaultdict(int)
        self._pauses = 0
        self._held = 0
        self._has_ended = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The call is not worked on: its client has yet to send the rest of it."""
        self._pause()
        try:
            yield
        finally:
            self._resume()

    @contextmanager
    def waiting(self, task: str) -> Iterator[None]:
        """One of its requests waits. Raises HttpProblem: too many wait already."""
        self.begin_wait(task)
        try:
            yield
        finally:
            if self._waits[task]:
                self._waits[task] -= 1
                self._limits.end_wait(task)
                self._resume()

    def begin_wait(self, task: str) -> None:
        """It waits until it ends.

        Raises:
            HttpProblem: too many wait already.
            ClientGone: the call has ended.
        """
        if self._has_ended:
            raise ClientGone
        self._limits.begin_wait(task)
        self._waits[task] += 1
        self._pause()

    def hold(self, size: int) -> None:
        """Its body has this many bytes by now. Raises HttpProblem: there is no memory for them."""
        if size > _SMALL:
            self._limits.hold(size - self._held)
            self._held = size

    def end(self) -> None:
        """Give all of it back."""
        self._has_ended = True
        self._limits.held -= self._held
        for task, count in self._waits.items():
            for _ in range(count):
                self._limits.end_wait(task)
        self._waits.clear()
        if not self._pauses:
            self._limits.active -= 1

    def _pause(self) -> None:
        if not self._pauses and not self._has_ended:
            self._limits.active -= 1
        self._pauses += 1

    def _resume(self) -> None:
        self._pauses -= 1
        if not self._pauses and not self._has_ended:
            self._limits.active += 1


def set_place(scope: Scope, place: CallPlace) -> None:
    scope[_PLACE] = place


def place_of(scope: Scope) -> CallPlace:
    """The place of the call that the scope is of."""
    place: CallPlace = scope[_PLACE]
    return place
