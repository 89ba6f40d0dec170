"""The time, in the unit of every message."""

import time


def unix_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Unix milliseconds as the system's clock had them at the start, and what has gone by since.

    For durations that outlive the process: while it runs, no change of the clock moves them.
    """
    return _START + time.monotonic_ns() // 1_000_000


_START = unix_ms() - time.monotonic_ns() // 1_000_000
