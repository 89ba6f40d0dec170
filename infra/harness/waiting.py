"""Waiting for what other processes do, and giving up."""

import time
from collections.abc import Callable

from streams.errors import StreamsError

_LOOK = 0.02


class Stalled(StreamsError):
    """Something that was waited for did not happen; says what."""


def wait_until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    """Look until it has happened.

    Raises:
        Stalled: it takes longer; with `what`.
    """
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise Stalled(f"not within {seconds:.0f} s: {what}")
        time.sleep(_LOOK)
