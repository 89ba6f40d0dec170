"""Waiting for other processes, with a time limit."""

import time
from collections.abc import Callable

from streams.errors import StreamsError

_POLL_S = 0.02


class Stalled(StreamsError):
    """An awaited condition did not come true in time; the message names it."""


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until the condition is true.

    Args:
        what: the condition in words, for the error.

    Raises:
        Stalled: it is not true within these seconds.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Stalled(f"did not happen within {seconds:.0f} s: {what}")
        time.sleep(_POLL_S)
