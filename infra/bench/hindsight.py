"""The best that any threshold could have done on the same scores, found with the labels in hand."""

import numpy as np
from numpy.typing import NDArray

from infra.bench.banking import Split
from infra.bench.kinds import Kind
from models.artifact import Artifact
from models.policy import Policy


def widest(scores: NDArray[np.float32], agrees: NDArray[np.bool_], target: float) -> float:
    """Largest share of the rows that one threshold answers with at least `target` agreement, labels known.

    Args:
        scores, agrees: [n], rows that may be answered score above 0.
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(scores) + 1)
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    good = (np.cumsum(agrees[order]) >= target * counts) & last_of_tie & (scores[order] > 0)
    return float(counts[good].max(initial=0) / len(scores))


def best(artifact: Artifact, kind: Kind, test: Split, targets: tuple[float, ...]) -> tuple[float, ...]:
    """Of this policy on these rows, at each target."""
    policy = Policy.open(artifact.manifest, artifact.graph)
    scores = policy.score(kind.rows(test))
    agrees = np.array(policy.manifest.labels)[scores.label] == np.array(test.labels)
    return tuple(widest(scores.score, agrees, target) for target in targets)
