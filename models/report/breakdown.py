"""Breakdown of a whole into percentages that sum to 100."""

from collections.abc import Sequence

TENTHS = 1000
"""Units in a whole, a tenth of a percent each."""


def apportion(counts: Sequence[int], units: int = TENTHS) -> list[int]:
    """Whole units for each count, in proportion, `units` in all (largest remainder, Hamilton 1792).

    Each is its exact share rounded down or up. Zeros only where the counts sum to zero.
    """
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    parts = [count * units // total for count in counts]
    remainders = [count * units % total for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda place: -remainders[place])
    for place in by_remainder[: units - sum(parts)]:
        parts[place] += 1
    return parts


def percentages(counts: Sequence[int]) -> list[str]:
    """`97.4 %` for each count; the numbers sum to 100.0.

    A count that is not zero but rounds to it is shown as `<0.1 %`, and one that is not the whole but rounds
    to it as `>99.9 %`: neither looks like nothing or like everything.
    """
    total = sum(counts)
    return [
        _percentage(count, total, tenths) for count, tenths in zip(counts, apportion(counts), strict=True)
    ]


def _percentage(count: int, total: int, tenths: int) -> str:
    if count and not tenths:
        text = "<0.1"
    elif count < total and tenths == TENTHS:
        text = ">99.9"
    else:
        text = f"{tenths / 10:.1f}"
    return f"{text}\N{NO-BREAK SPACE}%"
