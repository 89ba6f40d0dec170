"""Which acceptor is deployed: top-1, unless another is clearly better on the traces that choose.

The better one has the lower log loss of its score as the chance that the teacher agrees, by more than two
standard errors of the difference, trace by trace, where there are disagreements enough to learn from. None of
the traces that choose certifies, so the choice can't flatter the certificate; where there are none, there is
no choice and top-1 it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.acceptors import boosted, logistic, top1
from models.acceptors.contract import Acceptor
from models.acceptors.evidence import AcceptorFeatures
from models.gate.candidate_metrics import losses
from models.surrogates.contract import TrainingTargets

CLEARLY, LEAST_GAIN = 2.0, 1e-3
FEWEST = 40


@dataclass(frozen=True, slots=True)
class RankedAcceptor:
    """An acceptor as the choosers see it.

    Attributes:
        acceptor: fitted.
        scores: float32 [n], of each trace by a model that has not learned from it.
        log_loss: mean over the choosers, over all sampled traces where there are none.
    """

    acceptor: Acceptor
    scores: NDArray[np.float32]
    log_loss: float


def candidates(
    evidence: AcceptorFeatures, lesson: TrainingTargets, sampled: NDArray[np.bool_], only_top1: bool = False
) -> list[RankedAcceptor]:
    """Top-1 first, then whatever may compete with it."""
    agrees = evidence.logits.argmax(axis=1) == lesson.codes
    judges = lesson.choosers if lesson.choosers.any() else sampled
    best = top1.fit(evidence.logits, lesson.codes, lesson.choosers, judges)
    found: list[tuple[Acceptor, NDArray[np.float32]]] = [(best, best.scores(evidence))]
    if lesson.choosers.any() and not only_top1 and _told_apart(agrees, sampled, lesson):
        found.append(logistic.cross_fit(evidence, agrees, sampled, lesson))
        found.append(boosted.cross_fit(evidence, agrees, sampled, lesson))
    return [
        RankedAcceptor(acceptor, scores, float(losses(scores, agrees)[judges].mean()))
        for acceptor, scores in found
    ]


def best_acceptor(
    judged: list[RankedAcceptor], agrees: NDArray[np.bool_], choosers: NDArray[np.bool_]
) -> RankedAcceptor:
    """The first, unless another is clearly better on the choosers, bool [n]."""
    first, best = judged[0], judged[0]
    for other in judged[1:]:
        gain = losses(first.scores, agrees)[choosers] - losses(other.scores, agrees)[choosers]
        error = float(gain.std()) / np.sqrt(len(gain))
        if gain.mean() > max(CLEARLY * error, LEAST_GAIN) and other.log_loss < best.log_loss:
            best = other
    return best


def _told_apart(agrees: NDArray[np.bool_], sampled: NDArray[np.bool_], lesson: TrainingTargets) -> bool:
    """Whether every fold has enough disagreements, and agreements, to learn from."""
    parts = [sampled & ~held for held in lesson.held]
    return all(min((agrees & part).sum(), (~agrees & part).sum()) >= FEWEST for part in parts)
