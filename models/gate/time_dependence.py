"""How labels depend on time, and whether the newest traces refute a target; `exchangeability` finds it out.

Apart from the permutation test, whose library is large: a process that only reads what a fit has found does
not load it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.binomial import shortfall

NEWEST = 0.2
LEVEL = 0.001
NEWEST_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class TimeDependence:
    """How the labels of traces depend on time.

    Attributes:
        p_value: share of the random orders in which blocks of time differ as much, in (0, 1].
        design_effect: variance of the label frequencies of blocks, in units of that of random orders, >= 0.
        newcomers: share of the newest fifth with labels that were hardly there before, in excess of what
            random orders have, in [0, 1]; 0.0 if that is not significant.
    """

    p_value: float
    design_effect: float
    newcomers: float = 0.0

    @property
    def found(self) -> bool:
        return self.p_value <= LEVEL

    def count_as(self, rows: int) -> int:
        """How many independent traces this number of traces stands for."""
        return int(np.ceil(rows / self.design_effect)) if self.found else rows

    def independent(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """These rows, bool [n], oldest first, evenly thinned out to those that count; the newest stays."""
        places = np.flatnonzero(rows)[::-1]
        wanted = self.count_as(len(places))
        kept = np.zeros(len(rows), dtype=np.bool_)
        kept[places[np.arange(wanted) * len(places) // max(wanted, 1)]] = True
        return kept

    def sentence(self, rows: int) -> str:
        """What was seen in this number of sampled traces, and what to do."""
        return (
            f"labels depend on the order of the traces: blocks of time differ {self.design_effect:.1f} times "
            f"as much as in a random order, so {rows:,} sampled traces count as {self.count_as(rows):,}, and "
            "whole blocks of time are held out: wait for more traces, or, where the order of a file says "
            "nothing of time, fit it with `--order none` or `ordered=False`"
        )


INDEPENDENT = TimeDependence(1.0, 1.0)


def newest_counts(answered: NDArray[np.bool_], agrees: NDArray[np.bool_]) -> tuple[int, int]:
    """Answers and agreements of the newest fifth of the gate traces, [n], oldest first."""
    newest = answered & (np.arange(len(answered)) >= len(answered) * (1.0 - NEWEST))
    return int(newest.sum()), int((newest & agrees).sum())


def refuted_lately(answered: NDArray[np.bool_], agrees: NDArray[np.bool_], target: float) -> bool:
    """Whether the newest gate traces prove that agreement is below the target, in (0, 1)."""
    trials, hits = newest_counts(answered, agrees)
    return shortfall(hits, trials, target) < NEWEST_LEVEL
