"""Share of the requests that a version should answer under a config, from what its fit has seen."""

import numpy as np

from models.embedders.kinds import needs_encoder
from models.manifest import Manifest, point_for
from schemas.config import Config
from streams.tasks import unsuitable_reason


def expected_coverage(manifest: Manifest, config: Config) -> float | None:
    """An estimate, in [0, 1]; None for a threshold set by hand where the policy keeps no histograms.

    That of a threshold set by hand is interpolated in the histogram of the scores, and takes novel requests
    and those with a blocked label to be spread evenly over the scores.
    """
    if config.paused or config_mismatch(manifest, config) is not None:
        return 0.0
    if config.threshold is not None:
        return _share_above(manifest, config.threshold)
    if manifest.delta > config.delta:
        return 0.0
    point = point_for(manifest.frontier, config.aim)
    return point.coverage if point else 0.0


def config_mismatch(manifest: Manifest, config: Config) -> str | None:
    """Why the version can't answer under this config, whatever encoder is open; None where it can."""
    encoder_decides = manifest.embedder == config.embedder and needs_encoder(manifest.embedder)
    return None if encoder_decides else unsuitable_reason(manifest, config)


def _share_above(manifest: Manifest, threshold: float) -> float | None:
    reference = manifest.reference
    if reference is None or not reference.counts.rows:
        return None
    counts, rows = reference.counts, reference.counts.rows
    edges = np.array([0.0, *reference.edges, 1.0])
    below = np.array([0, *np.cumsum(counts.scores)])
    above = 1.0 - float(np.interp(threshold, edges, below)) / rows
    blocked = sum(
        count
        for label, count in zip(manifest.labels, counts.guesses, strict=True)
        if label in manifest.blocked
    )
    return above * (1.0 - counts.novel / rows) * (1.0 - blocked / rows)
