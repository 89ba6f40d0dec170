"""Tiers of a cascade: what each answers at each target that passed the gate."""

from collections.abc import Sequence

from msgspec import Struct

from models.gate.tier_shares import TierShare, tier_shares
from models.manifest import FrontierPoint
from models.study import Study


class TierPoint(Struct, frozen=True):
    """One target that passed the gate, and what each tier answers there, first one first.

    Attributes:
        left: share that no tier answers.
    """

    target: float
    shares: tuple[TierShare, ...]
    left: float


class Tiers(Struct, frozen=True):
    """Attributes:
    names: of the tiers, as `embedder` writes them.
    points: lowest target first.
    """

    names: tuple[str, ...]
    points: tuple[TierPoint, ...]


def tiers_of(study: Study, points: Sequence[FrontierPoint]) -> Tiers | None:
    """None where there is one tier, or it is not known which decides a row."""
    if study.decided_by is None or not study.tiers:
        return None
    shares = [(point.target, tier_shares(study, point.threshold)) for point in points]
    return Tiers(
        study.tiers,
        tuple(TierPoint(target, of, 1.0 - sum(share.answered for share in of)) for target, of in shares),
    )
