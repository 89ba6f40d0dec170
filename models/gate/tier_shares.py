"""Tiers of a cascade: the share that each answers at a threshold, and how often the teacher agrees."""

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from models.manifest import FrontierPoint
from models.study import Study


class TierShare(Struct, frozen=True):
    """Attributes:
    answered: share of the traces that the gate tested that this tier answers.
    agreement: share of these on which the teacher agrees; None where it answers none.
    """

    answered: float
    agreement: float | None


def tier_shares(study: Study, threshold: float) -> tuple[TierShare, ...]:
    """Of each tier, the first one first; empty where there is one, or it is not known which decides a row."""
    if study.decided_by is None:
        return ()
    answered = study.gate_rows & study.eligible & (study.scores >= threshold)
    total, shares = max(int(np.sum(study.gate_rows)), 1), []
    for tier in range(len(study.tiers)):
        rows = answered & (study.decided_by == tier)
        count, hits = int(np.sum(rows)), int(np.sum(rows & study.agrees))
        shares.append(TierShare(count / total, hits / count if count else None))
    return tuple(shares)


def with_tier_shares(points: tuple[FrontierPoint, ...], study: Study) -> tuple[FrontierPoint, ...]:
    """The points with the share that each tier answers there."""
    return tuple(
        replace(point, tiers=tuple(share.answered for share in tier_shares(study, point.threshold)))
        for point in points
    )
