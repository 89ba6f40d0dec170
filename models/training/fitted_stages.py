"""Stages that are fitted, and what the gate tests of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.gate.frontier import Sample, gate_sample
from models.gate.time_dependence import INDEPENDENT, TimeDependence
from models.study import CandidateResult, Study
from models.surrogates.contract import TrainingTargets
from models.training import folds
from models.training.cascade import Ensemble
from models.training.fold_models import FoldModels

LEAST_TRACES = 3
"""A label with fewer traces is never answered."""


@dataclass(frozen=True)
class FittedStages:
    """The parts of a policy, and what they were learned from.

    Attributes:
        ensemble: the stages.
        training_targets: of the n traces.
        sampled: bool [n], the trace belongs to a uniform sample of all traffic.
        contents: int64 [n], equal for traces that say the same (`models.training.contents`).
        recurring: the gate counts each trace of a content, not one of them.
        rare_labels: bool [labels], blocked because they have too few traces.
        poor_labels: bool [labels], blocked because their agreement is proven to be too low.
        candidates: the models that were tried.
        ordered, dependence: the traces are in the order of time, and how the labels of the sampled ones
            depend on it.
        fold_models: that a refit may start from; None where there are none.
    """

    ensemble: Ensemble
    training_targets: TrainingTargets
    sampled: NDArray[np.bool_]
    contents: NDArray[np.int64]
    recurring: bool
    rare_labels: NDArray[np.bool_]
    poor_labels: NDArray[np.bool_]
    candidates: tuple[CandidateResult, ...]
    ordered: bool = False
    dependence: TimeDependence = INDEPENDENT
    fold_models: FoldModels | None = None

    @property
    def blocked(self) -> NDArray[np.bool_]:
        """bool [labels], never answered."""
        return self.rare_labels | self.poor_labels

    def block_reasons(self, names: tuple[str, ...]) -> dict[str, str]:
        """The reason of each blocked label, by name."""
        poor = {names[code]: "agreement too low" for code in np.flatnonzero(self.poor_labels)}
        return poor | {names[code]: "too few traces" for code in np.flatnonzero(self.rare_labels)}

    @cached_property
    def gate_rows(self) -> NDArray[np.bool_]:
        """bool [n], the traces on which the gate tests thresholds."""
        rows = self._candidates
        if not self.recurring:
            rows = folds.one_of_each(rows, self.contents, self.training_targets.seed)
        return self.dependence.independent(rows)

    @cached_property
    def _candidates(self) -> NDArray[np.bool_]:
        return self.sampled & ~self.training_targets.selection_rows

    @cached_property
    def agrees(self) -> NDArray[np.bool_]:
        """bool [n], the guess is the teacher's label."""
        return np.asarray(self.ensemble.guesses == self.training_targets.codes)

    @cached_property
    def eligible(self) -> NDArray[np.bool_]:
        """bool [n], neither novel nor of a blocked label.

        The trace itself does not count towards its label's traces: its own label must not decide whether it
        is eligible.
        """
        guesses, codes = self.ensemble.guesses, self.training_targets.codes
        others = np.bincount(codes, minlength=self.training_targets.labels)[guesses] - self.agrees
        return np.asarray(
            (self.ensemble.novelty <= 1.0) & ~self.poor_labels[guesses] & (others >= LEAST_TRACES)
        )

    @cached_property
    def sample(self) -> Sample:
        """The gate traces, scored out of fold."""
        traffic = None
        if not self.recurring:
            traffic = gate_sample(self.ensemble.scores, self.agrees, self.eligible, self._candidates)
        return gate_sample(
            self.ensemble.scores,
            self.agrees,
            self.eligible,
            self.gate_rows,
            traffic=traffic,
            ordered=self.ordered,
            newcomers=self.dependence.newcomers,
        )

    def study(self, names: tuple[str, ...]) -> Study:
        """All traces as the stages score them; `names` are the sorted labels."""
        ensemble = self.ensemble
        return Study(
            names=names,
            codes=self.training_targets.codes,
            guesses=ensemble.guesses,
            runners_up=ensemble.runners_up,
            scores=ensemble.scores,
            novelty=ensemble.novelty,
            novelty_limit=1.0,
            eligible=self.eligible,
            sampled=self.sampled,
            gate_rows=self.gate_rows,
            candidates=self.candidates,
            decided_by=ensemble.decided_by,
        )
