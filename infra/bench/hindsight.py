"""The best that any threshold could have done on the same scores, found with the labels in hand."""

import numpy as np
from numpy.typing import NDArray

from infra.bench.banking import Split
from infra.bench.kinds import Kind
from models.artifact import Artifact
from models.gate.candidate_metrics import oracle_threshold
from models.policy import Policy


def widest_coverage(scores: NDArray[np.float32], agrees: NDArray[np.bool_], target: float) -> float:
    """Largest share of the rows that one threshold answers with at least `target` agreement, labels known.

    Args:
        scores, agrees: [n], rows that may be answered score above 0.
    """
    allowed = scores > 0
    _, share = oracle_threshold(scores[allowed], agrees[allowed], target)
    return round(share * int(allowed.sum())) / len(scores)


def best_coverages(
    artifact: Artifact, kind: Kind, test: Split, targets: tuple[float, ...]
) -> tuple[float, ...]:
    """Of this policy on these rows, at each target."""
    policy = Policy.open(artifact.manifest, artifact.graph)
    scores = policy.score(kind.rows(test))
    agrees = np.array(policy.manifest.labels)[scores.label] == np.array(test.labels)
    return tuple(widest_coverage(scores.score, agrees, target) for target in targets)
