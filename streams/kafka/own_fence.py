"""Own fence: a producer may be fenced by an earlier attempt of its own process to take its transactional id.

Each attempt asks the broker for a new epoch, which fences all earlier ones. While the broker is away or
hangs, requests of attempts that were given up wait in its sockets; once it is back it may answer the newest
attempt first. So after an opening that failed, or that took long, one fence is no sign of another worker. A
second one is: two workers that share a slot by mistake do not fence each other for ever.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from streams.errors import DeliveryFailed, ProducerBroken

_LONG = 5.0
"""Seconds; librdkafka may have asked again by then."""


class OwnFence:
    """Of one transactional id in this process, used from one thread."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._is_due = False

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Around an attempt to take the transactional id."""
        begun = self._clock()
        try:
            yield
        except DeliveryFailed as error:
            self._is_due = not isinstance(error, ProducerBroken)
            raise
        if self._clock() - begun > _LONG:
            self._is_due = True

    def explains_one(self) -> bool:
        """Whether a fence may be of an earlier attempt; the next one is not, unless there is another."""
        explains, self._is_due = self._is_due, False
        return explains
