"""Chooses the acceptor to deploy: top-1, unless another is clearly better on the selection traces.

An acceptor is better if its score, as the probability that the teacher agrees, has the lower log loss: by
more than two standard errors of the difference, trace by trace. Others than top-1 are tried only where there
are enough disagreements to learn from. The gate uses no selection trace, so this choice can't make a
threshold pass. Without selection traces nothing is chosen: top-1 is deployed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.acceptors import boosted, logistic, top1
from models.acceptors.contract import Acceptor
from models.acceptors.features import AcceptorFeatures
from models.gate.candidate_metrics import losses
from models.surrogates.contract import TrainingTargets

STANDARD_ERRORS, LEAST_GAIN = 2.0, 1e-3
FEWEST_OF_EACH = 40
"""Agreements, and disagreements, that each fold must have to learn from."""


@dataclass(frozen=True, slots=True)
class RankedAcceptor:
    """An acceptor and how well it does on the selection traces.

    Attributes:
        acceptor: fitted.
        scores: float32 [n], of each trace by a model that has not learned from it.
        log_loss: mean over the selection traces, over all sampled traces where there are none.
    """

    acceptor: Acceptor
    scores: NDArray[np.float32]
    log_loss: float


def candidates(
    features: AcceptorFeatures, targets: TrainingTargets, sampled: NDArray[np.bool_], only_top1: bool = False
) -> list[RankedAcceptor]:
    """The acceptors that may be deployed, top-1 first.

    Args:
        sampled: bool [n], the trace belongs to a uniform sample of all traffic.
        only_top1: an earlier fit has chosen top-1; try no other.
    """
    agrees = features.logits.argmax(axis=1) == targets.codes
    rows = targets.selection_rows if targets.selection_rows.any() else sampled
    best = top1.fit(features.logits, targets.codes, targets.selection_rows, rows)
    fitted: list[tuple[Acceptor, NDArray[np.float32]]] = [(best, best.scores(features))]
    if targets.selection_rows.any() and not only_top1 and _can_learn(agrees, sampled, targets):
        fitted.append(logistic.cross_fit(features, agrees, sampled, targets))
        fitted.append(boosted.cross_fit(features, agrees, sampled, targets))
    return [
        RankedAcceptor(acceptor, scores, float(losses(scores, agrees)[rows].mean()))
        for acceptor, scores in fitted
    ]


def best_acceptor(
    ranked: list[RankedAcceptor], agrees: NDArray[np.bool_], selection_rows: NDArray[np.bool_]
) -> RankedAcceptor:
    """The first, unless another is clearly better on the selection traces. Masks are bool [n]."""
    first, best = ranked[0], ranked[0]
    for other in ranked[1:]:
        gain = losses(first.scores, agrees)[selection_rows] - losses(other.scores, agrees)[selection_rows]
        error = float(gain.std()) / np.sqrt(len(gain))
        if gain.mean() > max(STANDARD_ERRORS * error, LEAST_GAIN) and other.log_loss < best.log_loss:
            best = other
    return best


def _can_learn(agrees: NDArray[np.bool_], sampled: NDArray[np.bool_], targets: TrainingTargets) -> bool:
    """Whether every fold has enough disagreements, and agreements, to learn from."""
    parts = [sampled & ~held_out for held_out in targets.held_out]
    return all(min((agrees & part).sum(), (~agrees & part).sum()) >= FEWEST_OF_EACH for part in parts)
