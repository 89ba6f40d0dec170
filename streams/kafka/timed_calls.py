"""Calls of Kafka's client that have to return in time.

librdkafka's transactional calls take a timeout, and most of them keep to it. After a restart of the broker
some never return: they wait for a broker that the client has replaced by another (librdkafka 5456, 5511).
Such a call can't be ended, but it can be left behind, with its client.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

Call = Callable[[], object]


class CallNotReturned(Exception):
    """A call has not returned in time; its client can't be used any more."""


class TimedCalls:
    """Runs calls one after the other in a thread of its own, for one caller."""

    def __init__(self, name: str) -> None:
        self._calls: Final[SimpleQueue[Call | None]] = SimpleQueue()
        self._outcomes: Final[SimpleQueue[BaseException | None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, call: Call, seconds: float) -> None:
        """Run the call, and wait for it.

        Raises:
            CallNotReturned: it has not returned after so many seconds. Then nothing more may be run.
            BaseException: what the call raises.
        """
        self._calls.put(call)
        try:
            error = self._outcomes.get(timeout=seconds)
        except Empty:
            raise CallNotReturned(f"a call of Kafka's client did not return in {seconds:.0f} s") from None
        if error is not None:
            raise error

    def close(self) -> None:
        """Let the thread end, once its call has returned."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was asked for
                self._outcomes.put(error)
            else:
                self._outcomes.put(None)
            del call
