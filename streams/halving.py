"""Halves a batch that fails, so that only those of its items fail that fail alone."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from streams.errors import StateUnavailable

Item = TypeVar("Item")


async def fail_alone(
    items: Sequence[Item], work: Callable[[Sequence[Item]], Awaitable[None]]
) -> list[tuple[Item, Exception]]:
    """Do the work on the items together; where that fails, on each half of them, until one is alone.

    Args:
        work: done once more on items whose batch failed, so a repetition must do no harm.

    Returns:
        The items on which the work fails alone, each with its error.

    Raises:
        StateUnavailable: no item is at fault; passed on as it came.
    """
    if not items:
        return []
    try:
        await work(items)
    except StateUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the edge to any defect: the caller logs and dead-letters
        if len(items) == 1:
            return [(items[0], error)]
    else:
        return []
    half = len(items) // 2
    return [*await fail_alone(items[:half], work), *await fail_alone(items[half:], work)]
