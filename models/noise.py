"""How often the teacher contradicts itself, and how far any surrogate can agree with it at most.

Let p be the teacher's chances of giving each of K labels to one text. Two of its answers differ with chance
q = 1 - sum p_i^2. A surrogate that answers this text always alike agrees with chance m = max p_i at most.
Given q, m is largest where what is left of p is spread evenly: m^2 + (1 - m)^2 / (K - 1) = 1 - q, so

    m <= c(q) = (1 + sqrt((K - 1) (K (1 - q) - 1))) / K,    and    m >= sum p_i^2 = 1 - q.

c is concave, so the mean of m over texts is at most c of the mean of q (Jensen): both bounds hold whatever
the errors look like and however they are spread over texts. Contradictions in disjoint pairs are independent,
and the exact bounds of a binomial share (Clopper and Pearson 1934) hold for their mean chance too (Hoeffding
1956). The point estimate is c of the share: exact where the teacher errs evenly among labels.

Three things make a ceiling a reason why a target was refused and never a cause to refuse it. It is about
requests that are asked again, which the others may not be like. It is about answering all of them: where only
some texts are hard for the teacher, answering the others can do better. And a pair that is only nearly the
same may be two questions, which makes the ceiling too low. (Clean Banking77 and Snips, where 3 of 164 and 0
of 260 pairs differ, keep a bound of .998 and more; with 8 % of labels drawn by lot and repeats it is .93.)
"""

import numpy as np
from numpy.typing import NDArray

from models import exact
from models.features import Features
from models.repeats import pairs
from models.study import Noise

FEWEST = 20
LEVEL = 0.05


def estimate(features: Features, codes: NDArray[np.int64], labels: int) -> Noise | None:
    """The ceiling, or None where fewer than `FEWEST` pairs tell of it.

    Args:
        features: n traces of a uniform sample of all traffic; deferred ones are harder for the teacher too.
        codes: int64 [n], the teacher's label of each, 0..labels-1.
        labels: how many labels the teacher can give.
    """
    found = pairs(features)
    if len(found) < FEWEST:
        return None
    differ = int((codes[found.first] != codes[found.second]).sum())
    return Noise(
        pairs=len(found),
        contradictions=differ,
        ceiling=highest(differ / len(found), labels),
        low=1.0 - exact.upper(differ, len(found), LEVEL / 2),
        high=highest(exact.lower(differ, len(found), LEVEL / 2), labels),
    )


def highest(differ: float, labels: int) -> float:
    """c(q): highest agreement where two answers of the teacher differ with chance `differ`, in [0, 1]."""
    if labels < 2:
        return 1.0
    left = max(0.0, labels * (1.0 - differ) - 1.0)
    return float((1.0 + np.sqrt((labels - 1) * left)) / labels)


def refusal(noise: Noise | None, target: float) -> str | None:
    """Why a target that the gate has refused is out of reach; None where that can't be said.

    It is said only where the exact 95 % upper bound of the ceiling lies below the target.
    """
    if noise is None or noise.high >= target:
        return None
    return (
        f"{target:g} is above what any surrogate can reach where requests come again: asked the same or "
        f"nearly the same twice, the teacher gave two labels in {noise.contradictions:,} of {noise.pairs:,} "
        f"cases, so that at most {noise.high:.3f} of such answers can be foretold; a clearer prompt would "
        "help, or a lower target"
    )
