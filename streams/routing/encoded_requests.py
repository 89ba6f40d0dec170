"""Concludes requests that wait for encoders, each when its vector is made or won't be.

The role `encode` has its messages concluded here, and the gateway its calls. An answer that the task's state
no longer allows when it is there, since a breaker, the config or the policy has changed, is deferred.
"""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple

from msgspec.structs import replace

from models.embedders.contract import Embedder
from schemas.messages import Deferral, Guess, Reason
from streams.clock import unix_ms
from streams.routing.conclusion import Arrival, Count, Decided, Origin, Routed, conclude
from streams.routing.decisions import COUNTED, Decision
from streams.routing.encoded_part import DecidedText
from streams.routing.waiting_text import TaskSource, WaitingText
from streams.sampling import Sampler
from streams.tasks import Task


class Unencoded(NamedTuple, Generic[Origin]):
    """A request that an encoder has to make a vector of.

    Attributes:
        check: of the answer that it was given; None where it has none yet.
        drawn: others are answered from their texts alone.
        counted: whether the watch for drift counts its decision.
        answered: guesses behind answers from texts alone, that the watch counts together with it.
        given: the answer that it is to have, with its check, once this has its vector; made on the state
            `given_on` of the task.
    """

    arrival: Arrival[Origin]
    check: Deferral | None
    drawn: bool
    counted: bool
    answered: tuple[Guess, ...] = ()
    given: Decision | None = None
    given_on: Task | None = None

    def waiting_text(
        self, begin: Callable[[], bool] = lambda: True, put_off: Callable[[], None] = lambda: None
    ) -> WaitingText:
        """What waits for an encoder; `begin` and `put_off` as there."""
        request, given, check = self.arrival.request, self.given, self.check
        if check is not None:
            given = Decision(Reason.ACCEPTED, check.guess, check.threshold)
        return WaitingText(
            request.id, request.text or "", self, given, begin, put_off, given_on=self.given_on
        )


class EncodedRequests(Generic[Origin]):
    """The owner of texts that wait for encoders. Used on the event loop only.

    Args:
        tasks: read when some texts are encoded, and again before anything is given.
        sampler: decides which requests are audited.
        count: told of each task's decisions, with the time.
        count_traffic: told of those that the watch for drift counts.
        give: told what becomes of some requests of a task; where it raises, it must have given nothing.
        fail: told of a request on which that fails by a defect, alone.
    """

    def __init__(
        self,
        tasks: TaskSource,
        sampler: Sampler,
        count: Count,
        count_traffic: Count,
        give: Callable[[Sequence[Routed[Origin]]], None],
        fail: Callable[[Arrival[Origin], Exception], None],
    ) -> None:
        self._tasks = tasks
        self._sampler = sampler
        self._count = count
        self._count_traffic = count_traffic
        self._give = give
        self._fail = fail

    def task(self, name: str) -> Task:
        return self._tasks.task(name)

    def drop_encoder(self, embedder: Embedder) -> None:
        self._tasks.drop_encoder(embedder)

    def take_decided(
        self, task: Task, waiting: Sequence[WaitingText], decided: Sequence[DecidedText]
    ) -> None:
        """Give what becomes of some requests of one task; one on which that fails, fails alone."""
        try:
            self._conclude(task, [one.origin for one in waiting], decided)
        except Exception as error:  # noqa: BLE001 - the edge to any defect: whoever is told logs it
            if (half := len(waiting) // 2) > 0:
                self.take_decided(task, waiting[:half], decided[:half])
                self.take_decided(task, waiting[half:], decided[half:])
                return
            for one in waiting:
                self._fail(one.origin.arrival, error)

    def _conclude(
        self, task: Task, found: Sequence[Unencoded[Origin]], decided: Sequence[DecidedText]
    ) -> None:
        rows = [row for row, one in enumerate(found) if one.check is None]
        now = unix_ms()
        routed, decisions = conclude(
            Decided(
                task,
                [found[row].arrival for row in rows],
                [decided[row].decision for row in rows],
                [decided[row].features for row in rows],
            ),
            self._tasks.task(task.name),
            self._sampler,
            now,
            [found[row].drawn for row in rows],
        )
        for one, (_, features) in zip(found, decided, strict=True):
            if one.check is not None:
                routed.append(Routed(one.arrival, None, _with_vector(one.check, task, features)))
        self._give(routed)
        counted = [decision for row, decision in zip(rows, decisions, strict=True) if found[row].counted]
        counted += _answers_before(task, found)
        for start in range(0, len(counted), COUNTED):
            self._count_traffic(task, counted[start : start + COUNTED], now)
        self._count(task, decisions, now)


def _with_vector(check: Deferral, task: Task, features: bytes | None) -> Deferral:
    """The audit's copy, with its vector where there is one."""
    encoder = task.embedder.id if task.embedder and features else None
    return replace(check, features=features, encoder=encoder)


def _answers_before(task: Task, found: Sequence[Unencoded[Origin]]) -> list[Decision]:
    """The answers from texts alone that came before these requests, as far as the live version gives them."""
    labels = task.live.labels if task.live else ()
    return [
        Decision(Reason.ACCEPTED, guess, task.threshold)
        for one in found
        for guess in one.answered
        if guess.label in labels
    ]
