"""Weights of traces in learning: the squared confidence that the teacher has in its label.

Labels that the teacher doubts are more often wrong or hard to learn: `infra/bench/README.md` has figures.
The gate and the calibration weigh no trace.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.messages import Teacher, Trace

LEAST = 0.1
"""Lower confidences count as this one, so that no trace is left out."""


def trace_weights(traces: Sequence[Trace]) -> NDArray[np.float64] | None:
    """Weights of n traces, float64 [n], > 0; None where no confidence is known.

    Those of one teacher have a mean of 1, since another model may be surer of all its labels. A trace without
    a confidence weighs 1.
    """
    rows_of: defaultdict[Teacher | None, list[int]] = defaultdict(list)
    for row, trace in enumerate(traces):
        if trace.confidence is not None:
            rows_of[trace.teacher].append(row)
    if not rows_of:
        return None
    weights = np.ones(len(traces))
    for rows in rows_of.values():
        squares = np.array([max(traces[row].confidence or 0.0, LEAST) ** 2 for row in rows])
        weights[rows] = squares / squares.mean()
    return weights
