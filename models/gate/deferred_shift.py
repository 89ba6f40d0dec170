"""Shift of the scores that a threshold defers: from a score to a cautious expectation of agreement.

Scores are calibrated on all traces, and the gate tests those above a threshold. Under it they may be off, and
`models.deferrals` would take that for a fall of agreement. So their log-odds are shifted, for each threshold,
by what the gate's traces say of the scores under it, less one standard error.

Chosen by simulation on Banking77: 14 fits on 1,500 and 5,000 traces, text and vectors, thresholds that answer
.7 and .9, 1,095,020 deferred requests in random orders. The detector crossed falsely 2 times; 60 times with
the most likely shift, 41 times without any. After an exchange of 20 of 77 labels it crossed within 216
(vectors) and 505 requests (text) of a stream of which .7 is answered, with 5,000 traces; medians.
"""

import math
from collections.abc import Iterable

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from models.deferrals import LEAST, MOST
from models.gate.frontier import Sample
from models.manifest import FrontierPoint

_STEPS = 30
_ROUNDING = 1e-12


def with_deferred_shifts(points: Iterable[FrontierPoint], sample: Sample) -> tuple[FrontierPoint, ...]:
    """The points, each with the shift for the scores that its threshold defers.

    Args:
        sample: the gate's traces.
    """
    shifted = []
    for point in points:
        deferred = sample.eligible & (sample.scores < point.threshold)
        shift = cautious_shift(sample.scores[deferred], sample.agrees[deferred])
        shifted.append(replace(point, deferred_shift=shift))
    return tuple(shifted)


def cautious_shift(scores: NDArray[np.float32], agrees: NDArray[np.bool_]) -> float:
    """What to add to the log-odds of these scores: the most likely value, less one standard error.

    The likelihood is that of a logistic regression with a free intercept alone; the prior is standard normal,
    so few rows move little and cost a standard error of almost 1.

    Args:
        scores, agrees: [m], out of fold; m may be 0.
    """
    chance = np.clip(scores.astype(np.float64), LEAST, MOST)
    odds, shift = np.log(chance / (1.0 - chance)), 0.0
    for _ in range(_STEPS):
        expected = 1.0 / (1.0 + np.exp(-odds - shift))
        curvature = float((expected * (1.0 - expected)).sum()) + 1.0
        step = (float((agrees - expected).sum()) - shift) / curvature
        shift += step
        if abs(step) < _ROUNDING:
            break
    return shift - 1.0 / math.sqrt(curvature)
