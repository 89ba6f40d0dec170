"""A batch: consumed messages and the outputs that an agent makes of them, settled exactly once.

The source's thread hands a batch to the role's agent and waits in `outcome`; the agent settles it. `settle`
is the one place that catches every error of an agent: the source decides what to do with the messages then
(`streams.kafka.source`).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Event
from typing import NamedTuple

from confluent_kafka import Message

from streams.errors import StateUnavailable
from streams.kafka.message import Headers

_PATIENCE = 0.5


class Outgoing(NamedTuple):
    """A message to be produced; its partition follows from its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class MessageOutputs(NamedTuple):
    """The outputs of one message."""

    message: Message
    outputs: Sequence[Outgoing]


class Batch:
    """Messages of one `consume` call, at least one, in order within each partition."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self._outcome: Future[list[MessageOutputs]] = Future()

    @contextmanager
    def settle(self) -> Iterator[list[MessageOutputs]]:
        """Collects the outputs by message; hands them, or the error that was raised inside, to the source.

        A message that is left out has no outputs.
        """
        outgoing: list[MessageOutputs] = []
        try:
            yield outgoing
        except Exception as error:  # noqa: BLE001 - the agent's edge: the source logs and dead-letters
            self._outcome.set_exception(error)
        except BaseException:
            self._outcome.set_exception(StateUnavailable("the agent was stopped within a batch"))
            raise
        else:
            self._outcome.set_result(outgoing)

    def on_settled(self, callback: Callable[[], None]) -> None:
        """Have a function called once the batch is settled, on whatever thread settles it."""
        self._outcome.add_done_callback(lambda _: callback())

    def outcome(self, abandoned: Event) -> list[MessageOutputs]:
        """The outputs of each message; blocks until the agent has settled the batch, or raises its error.

        Raises:
            StateUnavailable: `abandoned` was set before that.
        """
        while not wait([self._outcome], timeout=_PATIENCE).done:
            if abandoned.is_set():
                raise StateUnavailable("the agent did not settle the batch in time")
        return self._outcome.result()
