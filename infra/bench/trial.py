"""One fit, judged on rows that it has not seen: ours and TRACER's in the same terms."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from msgspec import Struct

from infra.bench.banking import Split
from infra.bench.kinds import Kind
from infra.errors import MissingData
from models import binomial
from models.artifact import Artifact
from models.evaluate import LEVEL, evaluate
from models.fit import FitResult, TrainingSet, fit
from models.policy import Policy

TARGETS = (0.90, 0.95, 0.98)
DELTA = 0.05


class TargetOutcome(Struct, frozen=True):
    """What was answered at one target.

    Attributes:
        target: agreement that was asked for.
        certified: the fit found a way to answer at this target.
        rows, answered, agreed: rows judged, those answered, and those of them with the teacher's label.
    """

    target: float
    certified: bool
    rows: int
    answered: int
    agreed: int

    @property
    def coverage(self) -> float:
        return self.answered / self.rows

    @property
    def agreement(self) -> float | None:
        """None where nothing is answered."""
        return self.agreed / self.answered if self.answered else None

    @property
    def violation(self) -> bool:
        """Agreement is significantly below target, as `models.evaluate` has it: exact p < .05."""
        return binomial.shortfall(self.agreed, self.answered, self.target) < LEVEL


class Trial(Struct, frozen=True):
    """Attributes:
    outcomes: one a target.
    seconds: what the fit took, all targets together.
    certified: targets certified, of all that the fit tried, which may be more than those judged.
    memory: most that its process had in memory, MB; None where it had none of its own.
    """

    outcomes: tuple[TargetOutcome, ...]
    seconds: float
    certified: int
    memory: float | None = None


Contestant = Callable[[Split, Split], Trial]
"""Fits on the first split and is judged on the second."""


def timed_fit(kind: Kind, split: Split, parent: Artifact | None = None) -> FitResult:
    """A fit of these rows, all of them sampled; without its study, which is large."""
    training = TrainingSet(kind.rows(split), split.labels, np.ones(len(split), dtype=np.bool_))
    made = fit(
        training,
        task="bench",
        version="v1",
        embedder=kind.embedder,
        targets=TARGETS,
        delta=DELTA,
        parent=parent,
    )
    return replace(made, study=None)


def policy_of(made: FitResult) -> Artifact:
    """Raises MissingData: the fit is refused, so there is nothing to measure."""
    if made.artifact is None:
        raise MissingData(f"nothing to measure, for the fit is refused: {made.refused[0]}")
    return made.artifact


def judge(artifact: Artifact | None, kind: Kind, test: Split) -> tuple[TargetOutcome, ...]:
    """What the policy answers of `test` at each target; nothing where there is none."""
    if artifact is None:
        return tuple(TargetOutcome(target, False, len(test), 0, 0) for target in TARGETS)
    policy = Policy.open(artifact.manifest, artifact.graph)
    found = evaluate(policy, kind.rows(test), test.labels, TARGETS)
    outcomes = []
    for result in found.targets:
        answered = round(result.coverage * found.rows)
        agreed = round((result.agreement or 0.0) * answered)
        outcomes.append(
            TargetOutcome(result.target, result.threshold is not None, found.rows, answered, agreed)
        )
    return tuple(outcomes)


def run_trial(kind: Kind, train: Split, test: Split) -> Trial:
    """Ours; a `Contestant` once the kind is given."""
    made = timed_fit(kind, train)
    return Trial(judge(made.artifact, kind, test), made.summary.seconds, len(made.summary.frontier))


def at(trials: Sequence[Trial], target: float) -> list[TargetOutcome]:
    """The outcomes of all trials at one target."""
    return [outcome for trial in trials for outcome in trial.outcomes if outcome.target == target]


def coverage(trials: Sequence[Trial], target: float) -> float:
    """Mean; a fit that certifies nothing counts as one that answers nothing."""
    return statistics.fmean(outcome.coverage for outcome in at(trials, target))


def agreement(trials: Sequence[Trial], target: float) -> float | None:
    """Share of all answers that agree; None where there are none."""
    outcomes = at(trials, target)
    answered = sum(outcome.answered for outcome in outcomes)
    return sum(outcome.agreed for outcome in outcomes) / answered if answered else None


def violations(trials: Sequence[Trial]) -> int:
    """Targets significantly missed, over all trials."""
    return sum(outcome.violation for trial in trials for outcome in trial.outcomes)
