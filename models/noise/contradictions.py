"""Contradictions of the teacher: how often it gives two labels, and the ceiling of agreement that follows.

They are counted on requests that the teacher was asked twice on purpose, where there are enough, else on
traces that ask the same or nearly the same. Contradictions in disjoint pairs are independent, and the exact
bounds of a binomial share (Clopper and Pearson 1934) hold for their mean chance too (Hoeffding 1956). The
point estimate is the ceiling of the share (`models.noise.ceiling`): exact where the teacher errs evenly among
labels.

A ceiling explains why a target was refused; it never refuses one, for three reasons. It is about requests
that are asked again, and the others may be different. It is about answering all of them: where only some
texts are hard for the teacher, the agreement on the others can be higher. And a pair that is only nearly the
same may be two questions, which makes the ceiling too low. (Clean Banking77 and Snips, where 3 of 164 and 0
of 260 pairs differ, keep a bound of .998 and more; with 8 % of labels drawn at random and repeats it is .93.)
"""

import numpy as np
from numpy.typing import NDArray

from models import binomial
from models.certificate import Certificate, lower_bound
from models.features import Features
from models.noise.ceiling import ceiling, ceiling_upper_bound
from models.noise.repeats import repeated_pairs
from models.study import Noise, RepeatCounts

FEWEST_PAIRS = 20
LEVEL = 0.05


def estimate_noise(features: Features, codes: NDArray[np.int64], labels: int) -> Noise | None:
    """The ceiling estimated from repeated traces; None with fewer than `FEWEST_PAIRS` pairs.

    Args:
        features: n traces of a uniform sample of all traffic; deferred requests are harder for the teacher
            too.
        codes: int64 [n], the teacher's label of each, 0..labels-1.
        labels: how many labels the teacher can give.
    """
    pairs = repeated_pairs(features)
    if len(pairs) < FEWEST_PAIRS:
        return None
    differ = int((codes[pairs.first] != codes[pairs.second]).sum())
    return Noise(
        pairs=len(pairs),
        contradictions=differ,
        ceiling=ceiling(differ / len(pairs), labels),
        low=1.0 - binomial.upper(differ, len(pairs), LEVEL / 2),
        high=ceiling(binomial.lower(differ, len(pairs), LEVEL / 2), labels),
    )


def measured_noise(repeats: RepeatCounts) -> Noise | None:
    """The ceiling measured on purpose; None with fewer than `FEWEST_PAIRS` requests asked twice.

    These counts grow and are read again and again: each bound holds at all moments together, at `LEVEL`, and
    for any number of labels.
    """
    if repeats.asked < FEWEST_PAIRS:
        return None
    return Noise(
        pairs=repeats.asked,
        contradictions=repeats.asked - repeats.same,
        ceiling=ceiling(1.0 - repeats.same / repeats.asked),
        low=lower_bound(Certificate(repeats.asked, repeats.same), LEVEL),
        high=ceiling_upper_bound(repeats, LEVEL),
        asked=True,
    )


def noise_refusal(noise: Noise | None, target: float) -> str | None:
    """Why a target that did not pass the gate is out of reach; None if that can't be said.

    It is said only where the 95 % upper bound of the ceiling is below the target.
    """
    if noise is None or noise.high >= target:
        return None
    where, what = "", "the same"
    if not noise.asked:
        where, what = " on repeated requests", "the same or nearly the same"
    return (
        f"target {target:g} is above what any surrogate can reach{where}: asked {what} twice, the teacher "
        f"gave two labels in {noise.contradictions:,} of {noise.pairs:,} cases, so at most {noise.high:.3f} "
        "of such answers can be predicted; make the teacher's prompt clearer, or lower the target"
    )
