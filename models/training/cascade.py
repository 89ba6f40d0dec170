"""Cascades of stages: each decides the rows that it is sure of, and leaves the others to the next.

A row takes a stage's label, score and novelty where its score reaches the stage's hand-over and it is not
novel there, else those of the next stage; the last decides all that is left. All scores are probabilities
that the teacher agrees, so one threshold serves all stages, and the gate tests the agreement of all together.
A stage with features of its own is computed only for the rows that are left; one on the same features (a
residual stage) has learned only from such rows.

No label chooses a hand-over: each sampled trace is taken to agree as often as its score says. A weak later
stage says so itself, by low scores, and gets few rows. The order of two answers of different stages, and so
the hand-overs too, depend on both calibrations. Where there are no selection traces, these are fitted on the
gate's traces: three numbers a stage, and nothing else is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.gate.candidate_metrics import oracle_threshold
from models.surrogates.contract import TrainingTargets
from models.training.stage import Stage

QUANTILES = np.linspace(0.05, 0.95, 19)
NEVER = 2.0
"""The hand-over of a stage that decides nothing alone."""
LOSS = 0.005


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Stages, and their out-of-fold results for n traces.

    Attributes:
        stages: first one first.
        handovers: for each stage but the last the lowest score at which it decides alone.
        lazy: later stages read other features, and are computed only for the rows that are left.
        guesses, runners_up: int64 [n], first and second choice.
        scores: float32 [n].
        novelty: float32 [n], in units of the limit.
        decided_by: int64 [n], the place of the stage that decides.
    """

    stages: tuple[Stage, ...]
    handovers: tuple[float, ...]
    lazy: bool
    guesses: NDArray[np.int64]
    runners_up: NDArray[np.int64]
    scores: NDArray[np.float32]
    novelty: NDArray[np.float32]
    decided_by: NDArray[np.int64]

    def of(self, rows: slice) -> "Ensemble":
        """With the results of these traces alone."""
        return replace(
            self,
            guesses=self.guesses[rows],
            runners_up=self.runners_up[rows],
            scores=self.scores[rows],
            novelty=self.novelty[rows],
            decided_by=self.decided_by[rows],
        )

    @property
    def acceptor(self) -> str:
        """Names of the stages' acceptors."""
        return " > ".join(dict.fromkeys(stage.acceptor.name for stage in self.stages))

    @property
    def name(self) -> str:
        """Names of the stages' surrogates."""
        return " > ".join(stage.name for stage in self.stages)


def single_stage(stage: Stage) -> Ensemble:
    """An ensemble of one stage."""
    best, second = _top_two_labels(stage)
    return Ensemble(
        (stage,), (), False, best, second, stage.scores, stage.novelty, np.zeros(len(best), dtype=np.int64)
    )


def join_stages(first: Stage, rest: Ensemble, handover: float, lazy: bool) -> Ensemble:
    """The ensemble of a stage and of those after it; arguments as the attributes of `Ensemble`."""
    done = (first.scores >= handover) & (first.novelty <= 1.0)
    best, runner_up = _top_two_labels(first)
    return Ensemble(
        (first, *rest.stages),
        (handover, *rest.handovers),
        lazy,
        np.where(done, best, rest.guesses),
        np.where(done, runner_up, rest.runners_up),
        np.where(done, first.scores, rest.scores),
        np.where(done, first.novelty, rest.novelty),
        np.where(done, 0, rest.decided_by + 1),
    )


def join_all(
    stages: Sequence[Stage], sampled: NDArray[np.bool_], targets: Sequence[float], lazy: bool
) -> Ensemble:
    """A cascade of two stages or more: from the last back, each hands over to all that come after it.

    Args:
        sampled: bool [n], the trace belongs to a uniform sample of all traffic.
    """
    joined = single_stage(stages[-1])
    for stage in reversed(stages[:-1]):
        handover = lowest_handover(stage, joined, sampled, targets)
        joined = join_stages(stage, joined, handover, lazy)
    return joined


def lowest_handover(
    first: Stage, rest: Ensemble, sampled: NDArray[np.bool_], targets: Sequence[float]
) -> float:
    """The lowest hand-over that costs hardly any coverage: the stages after it then see the fewest rows.

    What one costs is its distance, at the target where that is largest, from the best coverage that any has
    there: no single one may be best at all targets. It may cost half a point more than the cheapest does.
    Coverage is that of oracle thresholds on the sampled traces, which agree as often as their scores say. The
    gate proves less than an oracle knows, so beside each target counts a stricter one, with half of its
    disagreements.
    """
    levels = (*targets, *(1.0 - (1.0 - target) / 2.0 for target in targets))
    candidates = [*np.unique(np.quantile(first.scores[sampled], QUANTILES)).tolist(), NEVER]
    coverages = np.array(
        [
            _expected_coverages(join_stages(first, rest, handover, True), sampled, levels)
            for handover in candidates
        ]
    )
    costs = (coverages.max(axis=0) - coverages).max(axis=1)
    return float(candidates[np.flatnonzero(costs <= costs.min() + LOSS)[0]])


def _expected_coverages(ensemble: Ensemble, rows: NDArray[np.bool_], targets: Sequence[float]) -> list[float]:
    """Coverage at each target, on these rows, if each agrees as often as its score says."""
    known = ensemble.novelty[rows] <= 1.0
    scores = np.where(known, ensemble.scores[rows], np.float32(-1.0))
    return [oracle_threshold(scores, scores * known, target)[1] for target in targets]


def coverage_gain(
    one: Ensemble, other: Ensemble, training_targets: TrainingTargets, targets: Sequence[float]
) -> float:
    """Mean coverage over the targets, on the selection traces: how much it rises from `one` to `other`."""
    return float(
        np.mean(_oracle_coverages(other, training_targets, targets))
        - np.mean(_oracle_coverages(one, training_targets, targets))
    )


def _oracle_coverages(
    ensemble: Ensemble, training_targets: TrainingTargets, targets: Sequence[float]
) -> list[float]:
    rows = np.flatnonzero(training_targets.selection_rows)
    agrees = ensemble.guesses[rows] == training_targets.codes[rows]
    scores = np.where(ensemble.novelty[rows] <= 1.0, ensemble.scores[rows], np.float32(-1.0))
    return [oracle_threshold(scores, agrees, target)[1] for target in targets]


def _top_two_labels(stage: Stage) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if stage.logits.shape[1] < 2:
        zeros = np.zeros(len(stage.logits), dtype=np.int64)
        return zeros, zeros
    logits = stage.logits.copy()
    best = logits.argmax(axis=1)
    logits[np.arange(len(logits)), best] = -np.inf
    return best, logits.argmax(axis=1)
