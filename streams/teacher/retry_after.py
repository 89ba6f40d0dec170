"""Reads how long an endpoint asks to wait: `Retry-After` (RFC 9110, seconds or date), `retry-after-ms`."""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from `now`, >= 0; None where the endpoint names no time, or none that can be read.

    Args:
        headers: of the response; looked up by names in lower case.
        now: Unix seconds.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000.0
    named = headers.get("retry-after")
    seconds = _seconds(named)
    return _until(named, now) if seconds is None else seconds


def _seconds(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0.0 else None


def _until(value: str | None, now: float) -> float | None:
    try:
        date = parsedate_to_datetime(value or "")
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(aware.timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None
