"""Tiers of the version that answers: what each reads, and what share it should answer."""

from dataclasses import dataclass

from msgspec import UNSET

from models.embedders.composite import encoder_parts
from models.embedders.kinds import TEXT, cascade_tiers, needs_encoder, sources, split_spec, tiers
from models.manifest import Manifest, point_for
from schemas.config import Config


@dataclass(frozen=True, slots=True)
class TierStatus:
    """Attributes:
    name: short: `text`, `onnx`, `text+probe`; with a number where another tier is called so.
    encoder: id of what makes its vectors; None where no encoder does.
    expected: share of the requests that it should answer at the target, as the fit has seen them; None where
        the policy does not say, or the threshold was set by hand.
    """

    name: str
    encoder: str | None
    expected: float | None


def tier_statuses(manifest: Manifest, config: Config) -> tuple[TierStatus, ...]:
    """The tiers of a cascade, the first one first; empty where there is one tier."""
    spec = manifest.embedder
    names, read = cascade_tiers(spec), sources(spec)
    parts = encoder_parts(manifest.encoder, manifest.dimension, len(read)) if needs_encoder(spec) else None
    ids = {} if parts is None else dict(zip(read, (part.id for part in parts), strict=True))
    shares = _expected(manifest, config)
    short = [_short_name(name) for name in names]
    return tuple(
        TierStatus(
            _numbered(short, place),
            None if tier.vectors is None else ids.get(tier.vectors),
            shares[place] if place < len(shares) else None,
        )
        for place, tier in enumerate(tiers(spec) if names else ())
    )


def _expected(manifest: Manifest, config: Config) -> tuple[float, ...]:
    point = point_for(manifest.frontier, config.aim)
    if point is None or point.tiers is UNSET or config.threshold is not None:
        return ()
    return point.tiers


def _short_name(tier: str) -> str:
    with_text = f"{TEXT}+"
    kind = split_spec(tier.removeprefix(with_text))[0]
    return f"{with_text}{kind}" if tier.startswith(with_text) else kind


def _numbered(names: list[str], place: int) -> str:
    before = names[:place].count(names[place])
    return names[place] if before == 0 else f"{names[place]} ({before + 1})"
