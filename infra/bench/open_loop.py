"""Open loop: calls come at random moments at a steady rate, whether or not the earlier ones are answered.

A latency counts from the moment at which its call was due, so a server that stalls is charged for all that
would have called it meanwhile, and a generator that is late is charged too, and has to say by how much.
"""

import random
from collections.abc import Iterator, Sequence


def due_times(rate: float, seconds: float, seed: int = 7) -> Iterator[float]:
    """Seconds from the beginning at which calls are due, `rate` a second on average, for so many seconds."""
    draw, due = random.Random(seed), 0.0
    while (due := due + draw.expovariate(rate)) < seconds:
        yield due


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the ordered values lies; not a number where there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
