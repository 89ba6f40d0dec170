"""The ceiling: the highest agreement that any surrogate can reach with a teacher that contradicts itself.

Let p be the teacher's chances of giving each of K labels to one text. Two of its answers differ with chance
q = 1 - sum p_i^2. A surrogate that always gives this text the same label agrees with chance m = max p_i at
most. Given q, m is largest where the rest of p is spread evenly: m^2 + (1 - m)^2 / (K - 1) = 1 - q, so

    m <= c(q) = (1 + sqrt((K - 1) (K (1 - q) - 1))) / K,    and    m >= sum p_i^2 = 1 - q.

c is concave, so the mean of m over texts is at most c of the mean of q (Jensen): both bounds hold whatever
the errors look like and however they are spread over texts. It grows with K, towards sqrt(1 - q).

It holds for answering all requests: where only some are hard for the teacher, the agreement on the others can
be higher.
"""

import math

from models.certificate import Certificate, upper_bound
from models.study import RepeatCounts


def ceiling_upper_bound(repeats: RepeatCounts, delta: float) -> float:
    """Upper bound, at level `delta`, of the agreement of any surrogate that answers every request."""
    return ceiling(1.0 - upper_bound(Certificate(repeats.asked, repeats.same), delta))


def ceiling(differ: float, labels: int | None = None) -> float:
    """c(q): highest agreement where two answers of the teacher differ with chance `differ`, in [0, 1].

    Args:
        labels: how many the teacher can give; None for any number.
    """
    if labels is None:
        return math.sqrt(1.0 - differ)
    if labels < 2:
        return 1.0
    left = max(0.0, labels * (1.0 - differ) - 1.0)
    return (1.0 + math.sqrt((labels - 1) * left)) / labels
