"""Texts that wait for an encoder, and who has them decided."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder
from streams.routing.decisions import Decision, holds_early
from streams.routing.encoded_part import DecidedText, OpenText
from streams.tasks import Task


class MadeVector(NamedTuple):
    """A vector, float32 [d], and the id of the encoder that has made it."""

    encoder: str
    vector: NDArray[np.float32]


@dataclass(eq=False, slots=True)
class WaitingText:
    """A text that waits for its vector.

    Attributes:
        request: id of the request.
        given: the answer that it has; only its vector is missing.
        origin: what the owner knows it by.
        begin: false where nothing is to be done about it any more.
        put_off: told that it waits again, for the next encoder.
        since: monotonic seconds.
        made: by the task's encoders before the one that it waits for.
        given_on: the state of the task that the answer was made on; None where the answer is out already.
    """

    request: str
    text: str
    origin: Any
    given: Decision | None = None
    begin: Callable[[], bool] = lambda: True
    put_off: Callable[[], None] = lambda: None
    since: float = field(default_factory=time.monotonic)
    made: tuple[MadeVector, ...] = ()
    given_on: Task | None = None

    @property
    def made_by(self) -> tuple[tuple[str, int], ...]:
        """Id and length of each encoder's vector."""
        return tuple((each.encoder, len(each.vector)) for each in self.made)

    def answer_on(self, task: Task) -> Decision | None:
        """The answer that it has, where it holds on this state of the task; else it is decided again."""
        if self.given is None or self.given_on is None or self.given.vectors is None:
            return self.given
        return self.given if holds_early(self.given_on, task, self.given.vectors) else None

    def go_on(self, task: Task, encoder: str, found: OpenText) -> None:
        """Wait for the next encoder, with what this one has made of it on a state of the task."""
        self.made = (*self.made, MadeVector(encoder, found.vector))
        if found.given is not self.given:
            self.given, self.given_on = found.given, task
        self.since = time.monotonic()
        self.put_off()


class TaskSource(Protocol):
    """The tasks as they are now; `Tasks`, or another view of them."""

    def task(self, name: str) -> Task: ...

    def drop_encoder(self, embedder: Embedder) -> None:
        """Stop using an encoder that has failed."""
        ...


class TextOwner(TaskSource, Protocol):
    """Who has texts decided: it knows the tasks, and takes the decisions."""

    def take_decided(
        self, task: Task, waiting: Sequence[WaitingText], decided: Sequence[DecidedText]
    ) -> None:
        """Take the decisions on some texts of one task, made on this state of it."""
        ...
