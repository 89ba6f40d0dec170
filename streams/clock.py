"""Clocks in Unix milliseconds, the unit of every message."""

import time


def unix_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Unix milliseconds of the system's clock at the start, plus the monotonic time since then.

    For durations that outlive the process: while it runs, no change of the clock moves them.
    """
    return _START + time.monotonic_ns() // 1_000_000


_START = unix_ms() - time.monotonic_ns() // 1_000_000
