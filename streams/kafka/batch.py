"""A batch: messages on their way in, what they cause on the way out, settled exactly once.

The source's thread hands a batch to the role's agent and waits in `outcome`; the agent settles it. The
agent's body is where a role meets the unexpected, so `settled` is the one place that catches everything:
the source decides what becomes of the messages (`streams.kafka.source`).
"""

from collections.abc import Iterator, Sequence
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


class Batch:
    """Messages of one `consume` call, at least one, in order within each partition."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self._outcome: Future[list[Outgoing]] = Future()

    @contextmanager
    def settled(self) -> Iterator[list[Outgoing]]:
        """Collects what the messages cause; whatever happens inside, the source is told."""
        outgoing: list[Outgoing] = []
        try:
            yield outgoing
        except Exception as error:  # noqa: BLE001 - the agent's edge: the source logs and dead-letters
            self._outcome.set_exception(error)
        except BaseException:
            self._outcome.set_exception(StateUnavailable("the agent was stopped within a batch"))
            raise
        else:
            self._outcome.set_result(outgoing)

    def outcome(self, abandoned: Event) -> list[Outgoing]:
        """What the messages caused; blocks until the agent has settled the batch, and raises what it raised.

        Raises:
            StateUnavailable: `abandoned` was set before that.
        """
        while not wait([self._outcome], timeout=_PATIENCE).done:
            if abandoned.is_set():
                raise StateUnavailable("the agent did not settle the batch in time")
        return self._outcome.result()
