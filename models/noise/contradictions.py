"""How often the teacher contradicts itself, and how far any surrogate can agree with it at most.

It is told from requests that the teacher was asked about twice on purpose, where there are enough, else from
traces that ask the same or nearly the same. Contradictions in disjoint pairs are independent, and the exact
bounds of a binomial share (Clopper and Pearson 1934) hold for their mean chance too (Hoeffding 1956). The
point estimate is the ceiling of the share (`models.noise.ceiling`): exact where the teacher errs evenly among
labels.

Three things make a ceiling a reason why a target was refused and never a cause to refuse it. It is about
requests that are asked again, which the others may not be like. It is about answering all of them: where only
some texts are hard for the teacher, answering the others can do better. And a pair that is only nearly the
same may be two questions, which makes the ceiling too low. (Clean Banking77 and Snips, where 3 of 164 and 0
of 260 pairs differ, keep a bound of .998 and more; with 8 % of labels drawn by lot and repeats it is .93.)
"""

import numpy as np
from numpy.typing import NDArray

from models import binomial
from models.certificate import Certificate, lower_bound
from models.features import Features
from models.noise.ceiling import ceiling, ceiling_upper_bound
from models.noise.repeats import repeated_pairs
from models.study import Noise, RepeatCounts

FEWEST = 20
LEVEL = 0.05


def estimate_noise(features: Features, codes: NDArray[np.int64], labels: int) -> Noise | None:
    """The ceiling, or None where fewer than `FEWEST` pairs tell of it.

    Args:
        features: n traces of a uniform sample of all traffic; deferred ones are harder for the teacher too.
        codes: int64 [n], the teacher's label of each, 0..labels-1.
        labels: how many labels the teacher can give.
    """
    found = repeated_pairs(features)
    if len(found) < FEWEST:
        return None
    differ = int((codes[found.first] != codes[found.second]).sum())
    return Noise(
        pairs=len(found),
        contradictions=differ,
        ceiling=ceiling(differ / len(found), labels),
        low=1.0 - binomial.upper(differ, len(found), LEVEL / 2),
        high=ceiling(binomial.lower(differ, len(found), LEVEL / 2), labels),
    )


def measured_noise(twice: RepeatCounts) -> Noise | None:
    """The ceiling, or None where fewer than `FEWEST` questions were asked twice.

    Such counts grow and are looked at again and again: each bound holds at all moments, at `LEVEL`. They are
    of all labels that the teacher can give, however many.
    """
    if twice.asked < FEWEST:
        return None
    return Noise(
        pairs=twice.asked,
        contradictions=twice.asked - twice.same,
        ceiling=ceiling(1.0 - twice.same / twice.asked),
        low=lower_bound(Certificate(twice.asked, twice.same), LEVEL),
        high=ceiling_upper_bound(twice, LEVEL),
        asked=True,
    )


def noise_refusal(noise: Noise | None, target: float) -> str | None:
    """Why a target that the gate has refused is out of reach; None where that can't be said.

    It is said only where the 95 % upper bound of the ceiling lies below the target.
    """
    if noise is None or noise.high >= target:
        return None
    where, what = "", "the same"
    if not noise.asked:
        where, what = " where requests come again", "the same or nearly the same"
    return (
        f"{target:g} is above what any surrogate can reach{where}: asked {what} twice, the teacher gave two "
        f"labels in {noise.contradictions:,} of {noise.pairs:,} cases, so that at most {noise.high:.3f} of "
        "all such answers can be foretold; a clearer prompt would help, or a lower target"
    )
