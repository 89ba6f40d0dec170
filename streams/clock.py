"""The time, in the unit of every message."""

import time


def unix_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000
