"""Proven share as text: never rounded up to more than is proven."""

import math

_FLOAT_ERROR = 1e-6
"""Of a share such as 0.95, which is a little less as a float."""


def at_least(share: float, digits: int = 1) -> str:
    """The share as percent, rounded down."""
    step = 10.0**digits
    return f"{math.floor(share * 100.0 * step + _FLOAT_ERROR) / step:.{digits}f}%"
