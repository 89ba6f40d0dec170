"""Two stages that answer as one: the first answers what it is sure of, the second all the rest.

A row takes the first stage's label, score and novelty where its score reaches the hand-over and it is not
novel there, else the second's. Both scores are probabilities that the teacher agrees, so one threshold serves
both, and what is certified is the joint agreement. A second stage with other features is computed for the
rest alone; one on the same features (a residual stage) has learned from the rest alone.

Which of two answers of different stages comes first depends on both calibrations. Where no traces choose,
these are fitted on traces that certify: three numbers a stage, the one thing that is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.gate.candidate_metrics import oracle_threshold
from models.surrogates.contract import TrainingTargets
from models.training.stage import Stage

USUAL_HANDOVER = 0.98
QUANTILES = np.linspace(0.05, 0.95, 19)
LOSS = 0.005


@dataclass(frozen=True, slots=True)
class Ensemble:
    """One or two stages, and what they make of each of n traces out of fold.

    Attributes:
        stages: first one first.
        handover: score from which on the first stage answers alone; None where it is the only one.
        lazy: the second stage reads what the first does not, and is computed for the rest alone.
        guesses, runners_up: int64 [n], first and second choice.
        scores: float32 [n].
        novelty: float32 [n], in units of the limit.
        first: bool [n], the first stage's answer counts.
    """

    stages: tuple[Stage, ...]
    handover: float | None
    lazy: bool
    guesses: NDArray[np.int64]
    runners_up: NDArray[np.int64]
    scores: NDArray[np.float32]
    novelty: NDArray[np.float32]
    first: NDArray[np.bool_]

    @property
    def acceptor(self) -> str:
        return " > ".join(dict.fromkeys(stage.acceptor.name for stage in self.stages))

    @property
    def name(self) -> str:
        return " > ".join(stage.name for stage in self.stages)


def single_stage(stage: Stage) -> Ensemble:
    best, second = _two(stage)
    every = np.ones(len(best), dtype=np.bool_)
    return Ensemble((stage,), None, False, best, second, stage.scores, stage.novelty, every)


def join_stages(first: Stage, second: Stage, handover: float, lazy: bool) -> Ensemble:
    done = (first.scores >= handover) & (first.novelty <= 1.0)
    (best, runner), (other_best, other_runner) = _two(first), _two(second)
    return Ensemble(
        (first, second),
        handover,
        lazy,
        np.where(done, best, other_best),
        np.where(done, runner, other_runner),
        np.where(done, first.scores, second.scores),
        np.where(done, first.novelty, second.novelty),
        done,
    )


def lowest_handover(first: Stage, second: Stage, lesson: TrainingTargets, targets: Sequence[float]) -> float:
    """The lowest hand-over that costs hardly any coverage, so that the second stage sees as little as may be.

    Chosen on the choosers: at no target may the share that a threshold could answer be more than half a point
    below that of the best hand-over.
    """
    rows = np.flatnonzero(lesson.choosers)
    if len(rows) == 0:
        return USUAL_HANDOVER
    tried = np.unique(np.quantile(first.scores[rows], QUANTILES))
    shares = np.array(
        [_shares(join_stages(first, second, float(one), True), lesson, targets) for one in tried]
    )
    enough = np.flatnonzero((shares >= shares.max(axis=0) - LOSS).all(axis=1))
    return float(tried[enough[0]]) if len(enough) else float(tried[-1])


def better_ensemble(
    one: Ensemble, other: Ensemble, lesson: TrainingTargets, targets: Sequence[float]
) -> float:
    """By how much the choosers' mean coverage over the targets rises from `one` to `other`."""
    return float(np.mean(_shares(other, lesson, targets)) - np.mean(_shares(one, lesson, targets)))


def _shares(joint: Ensemble, lesson: TrainingTargets, targets: Sequence[float]) -> list[float]:
    rows = np.flatnonzero(lesson.choosers)
    agrees = joint.guesses[rows] == lesson.codes[rows]
    scores = np.where(joint.novelty[rows] <= 1.0, joint.scores[rows], np.float32(-1.0))
    return [oracle_threshold(scores, agrees, target)[1] for target in targets]


def _two(stage: Stage) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if stage.logits.shape[1] < 2:
        zeros = np.zeros(len(stage.logits), dtype=np.int64)
        return zeros, zeros
    logits = stage.logits.copy()
    best = logits.argmax(axis=1)
    logits[np.arange(len(logits)), best] = -np.inf
    return best, logits.argmax(axis=1)
