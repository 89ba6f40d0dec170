"""Waiting for other processes, with a time limit."""

import time
from collections.abc import Callable

from streams.errors import StreamsError

_POLL_S = 0.02
# Limits are written for a machine that does nothing else. One that is shared may stand still for a minute,
# and a limit has only to end what would hang for ever.
_LOADED = 4


class Stalled(StreamsError):
    """An awaited condition did not come true in time; the message names it."""


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until the condition is true.

    Args:
        seconds: that it may take on an idle machine; the limit is four times as long.
        what: the condition in words, for the error.

    Raises:
        Stalled: it is not true within the limit.
    """
    limit = _LOADED * seconds
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise Stalled(f"did not happen within {limit:.0f} s: {what}")
        time.sleep(_POLL_S)
