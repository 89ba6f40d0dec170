"""Circuits of a worker's endpoints, and of tasks whose own settings can't be right.

An outage is everybody's who calls the endpoint; a prompt that can't be filled in is the task's alone.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import NamedTuple

from schemas.config import TeacherConfig
from schemas.urls import masked_url
from streams.outage import Outages
from streams.teacher.circuit import Circuit, Permit
from streams.teacher.outcome import FailureKind, TryLater

log = logging.getLogger(__name__)

_LONG_LIMIT = 10.0
"""Seconds of a pause after a limit from which on it is logged."""


class EndpointIdentity(NamedTuple):
    """What shares a circuit: an outage is one of the URL, a limit is one of the key or the model."""

    url: str | None
    model: str | None
    key_env: str

    @classmethod
    def of(cls, config: TeacherConfig) -> "EndpointIdentity":
        return cls(config.url, config.model, config.key_env)


class Call(NamedTuple):
    """A call that has begun, as the two circuits know it."""

    task: str
    endpoint: EndpointIdentity
    permits: tuple[Permit, Permit]

    @property
    def keys(self) -> tuple[str | EndpointIdentity, str | EndpointIdentity]:
        return self.task, self.endpoint

    @property
    def is_probe(self) -> bool:
        """What becomes of it decides whether others may call."""
        return any(permit.probe for permit in self.permits)


class EndpointCircuits:
    """On one event loop; the lanes of a worker share it."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._circuits: dict[str | EndpointIdentity, Circuit] = {}
        self._failures: dict[str | EndpointIdentity, TryLater] = {}
        self._outages = Outages(
            log, "the teacher is not called for now", "the teacher is called again", clock
        )

    def wait(self, task: str, endpoint: EndpointIdentity) -> float | None:
        """Seconds until a call may begin, 0 if it may now; None until a probe under way has ended."""
        waits = [self._of(key).wait(self._clock()) for key in (task, endpoint)]
        known = [wait for wait in waits if wait is not None]
        return max(known) if len(known) == len(waits) else None

    def takes_many(self, task: str, endpoint: EndpointIdentity) -> bool:
        """Whether many calls may begin at once, since there is no probe to wait for."""
        return self._of(task).is_closed and self._of(endpoint).is_closed

    def latest_failure(self, task: str, endpoint: EndpointIdentity) -> TryLater | None:
        """Why a circuit is open, or not closed long."""
        return self._failures.get(task) or self._failures.get(endpoint)

    def begin(self, task: str, endpoint: EndpointIdentity) -> Call:
        """A call begins.

        Raises:
            ValueError: none may begin now.
        """
        return Call(task, endpoint, (self._begin(task), self._begin(endpoint)))

    def on_success(self, call: Call) -> None:
        """The endpoint has answered."""
        for key, permit in zip(call.keys, call.permits, strict=True):
            circuit = self._circuits[key] = self._of(key).on_success(permit)
            if circuit.is_closed:
                self._failures.pop(key, None)
                self._outages.note_success(key)

    def on_failure(self, call: Call, failure: TryLater) -> None:
        """It failed in a way that passes."""
        failed = 0 if failure.kind is FailureKind.MISCONFIGURED else 1
        key, other = call.keys[failed], call.keys[1 - failed]
        self._failures[key] = failure
        self._circuits[key] = self._of(key).on_failure(
            call.permits[failed], self._clock(), self._draw(), failure.retry_after
        )
        self._circuits[other] = self._of(other).on_cancel(call.permits[1 - failed])
        if self._is_outage(key, failure):
            self._outages.note_failure(key, failure.why, **_fields(key))

    def on_cancel(self, call: Call) -> None:
        """It ended and told nothing."""
        for key, permit in zip(call.keys, call.permits, strict=True):
            self._circuits[key] = self._of(key).on_cancel(permit)

    def endpoints(self) -> dict[EndpointIdentity, bool]:
        """Those that were called, and whether each one's circuit is open. Any thread may ask."""
        known = list(self._circuits.items())
        return {key: not circuit.is_closed for key, circuit in known if isinstance(key, EndpointIdentity)}

    def tasks(self) -> set[str]:
        """Those of which something is remembered."""
        return {key for key in (*self._circuits, *self._failures) if isinstance(key, str)}

    def forget(self, task: str) -> None:
        """The task has no questions: clients may name any task, so none is remembered for ever."""
        self._circuits.pop(task, None)
        self._failures.pop(task, None)
        self._outages.forget(task)

    def _is_outage(self, key: str | EndpointIdentity, failure: TryLater) -> bool:
        """Whether a failure is worth a line: a limit that is over in seconds comes again and again."""
        wait = self._of(key).wait(self._clock()) or 0.0
        return wait >= _LONG_LIMIT if failure.kind is FailureKind.RATE_LIMITED else wait > 0.0

    def _begin(self, key: str | EndpointIdentity) -> Permit:
        self._circuits[key], permit = self._of(key).begin(self._clock())
        return permit

    def _of(self, key: str | EndpointIdentity) -> Circuit:
        return self._circuits.get(key) or Circuit()


def _fields(key: str | EndpointIdentity) -> dict[str, str]:
    """What the log calls that which has this circuit."""
    if isinstance(key, str):
        return {"task": key}
    return {"url": masked_url(key.url or ""), "model": key.model or ""}
