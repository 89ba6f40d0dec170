"""Frontier of coverage and agreement: observed out of fold, and the region that passed the gate."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from models.manifest import FrontierPoint
from models.study import Study

POINTS = 160
FEWEST = 20

Line = tuple[tuple[float, float], ...]


class Frontier(Struct, frozen=True):
    """Lines of (coverage, agreement), both in [0, 1], by rising coverage.

    Attributes:
        observed: share of agreements among the most certain traces that make up this coverage.
        certified: corners of the steps below which targets passed the gate; empty where none did.
        parent: the same of the parent version.
        points: the targets that passed the gate.
    """

    observed: Line
    certified: Line
    parent: Line
    points: tuple[FrontierPoint, ...]


def frontier(
    study: Study | None, points: tuple[FrontierPoint, ...], parent: Sequence[FrontierPoint]
) -> Frontier:
    return Frontier(() if study is None else observed_line(study), steps(points), steps(parent), points)


def observed_line(study: Study) -> Line:
    """Agreement of the most certain traces of the tested sample, for coverages from that of 20 traces up.

    Traces with equal scores are taken together, as a threshold takes them.
    """
    counted = study.gate_rows & study.eligible
    order = np.argsort(-study.scores[counted], kind="stable")
    ranked, hits = study.scores[counted][order], np.cumsum(study.agrees[counted][order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else np.array([], int)
    ends = last[last + 1 >= FEWEST]
    if len(ends) > POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).astype(int))]
    total = int(np.sum(study.gate_rows))
    return tuple(((end + 1) / total, float(hits[end] / (end + 1))) for end in ends.tolist())


def steps(points: Sequence[FrontierPoint]) -> Line:
    """Corners from coverage 0 to the widest; a target that covers no more than a higher one adds none."""
    ranked = sorted(points, key=lambda point: -point.target)
    kept: list[FrontierPoint] = []
    for point in ranked:
        if point.coverage > (kept[-1].coverage if kept else 0.0):
            kept.append(point)
    if not kept:
        return ()
    corners = [(0.0, kept[0].target), (kept[0].coverage, kept[0].target)]
    for before, after in pairwise(kept):
        corners += [(before.coverage, after.target), (after.coverage, after.target)]
    return tuple(corners)
