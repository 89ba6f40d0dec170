"""Study of rows that a finished policy is given; it may have learned from them."""

from collections.abc import Sequence

import numpy as np
from msgspec import UnsetType
from numpy.typing import NDArray

from models.embedders.kinds import cascade_tiers
from models.features import Features
from models.fit import FitSummary
from models.manifest import Manifest
from models.policy import Policy
from models.study import Study


def rescore(policy: Policy, features: Features, labels: Sequence[str], sampled: NDArray[np.bool_]) -> Study:
    """Score the rows; labels that the policy does not know are disagreements.

    Args:
        labels: [n] the teacher's.
        sampled: bool [n], rows of a uniform sample; only they are counted.

    Raises:
        PolicyError: the features are not the ones this policy reads.
    """
    manifest = policy.manifest
    names = tuple(sorted({*manifest.labels, *labels}))
    code = {name: place for place, name in enumerate(names)}
    known = np.array([code[name] for name in manifest.labels], dtype=np.int64)
    scores = policy.score(features)
    guesses = known[scores.label]
    return Study(
        names=names,
        codes=np.array([code[name] for name in labels], dtype=np.int64),
        guesses=guesses,
        runners_up=guesses,
        scores=scores.score,
        novelty=scores.novelty,
        novelty_limit=manifest.novelty_limit,
        eligible=(scores.novelty <= manifest.novelty_limit) & ~policy.blocked[scores.label],
        sampled=sampled,
        gate_rows=sampled,
        tiers=cascade_tiers(manifest.embedder),
        decided_by=policy.decided_by(features),
    )


def summary_of(manifest: Manifest) -> FitSummary:
    """Summary of the fit, as far as the manifest records it."""
    return FitSummary(
        version=manifest.version,
        traces=manifest.traces,
        sampled=manifest.sampled,
        labels=len(manifest.labels),
        seconds=manifest.seconds,
        surrogate=manifest.surrogate,
        acceptor=manifest.acceptor,
        accuracy=manifest.accuracy,
        frontier=manifest.frontier,
        refused=None,
        drawn_from=None if isinstance(manifest.drawn_from, UnsetType) else manifest.drawn_from,
    )
