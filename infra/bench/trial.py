"""Trials: one fit, judged on rows that it has not seen; ours and TRACER's in the same terms."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from infra.bench.corpora import Split
from infra.bench.kinds import FeatureKind
from infra.errors import MissingData
from models import binomial
from models.artifact import Artifact
from models.evaluate import LEVEL, evaluate
from models.fit import FitResult, Options, TrainingSet, fit
from models.policy import Policy
from models.training.fit_stages import Progress

TARGETS = (0.90, 0.95, 0.98)
DELTA = 0.05


class TargetOutcome(Struct, frozen=True):
    """What was answered at one target.

    Attributes:
        target: agreement that was asked for.
        passed: the target passed the gate: the fit found a threshold for it. `certified` in JSON.
        rows, answered, agreed: rows judged, those answered, and those of them with the teacher's label.
    """

    target: float
    passed: bool = field(name="certified")
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
    def missed(self) -> bool:
        """The target passed, and agreement on the answered rows is below it."""
        return self.passed and self.agreed < self.target * self.answered - 1e-9

    @property
    def violation(self) -> bool:
        """Agreement is significantly below target, as `models.evaluate` has it: exact p < .05."""
        return binomial.shortfall(self.agreed, self.answered, self.target) < LEVEL


def judge_answers(
    target: float, passed: bool, answers: Sequence[str | None], labels: Sequence[str]
) -> TargetOutcome:
    """The outcome of answers against the teacher's labels; an answer is None where the row is deferred."""
    answered = sum(answer is not None for answer in answers)
    agreed = sum(answer == label for answer, label in zip(answers, labels, strict=True))
    return TargetOutcome(target, passed, len(labels), answered, agreed)


class FitTrial(Struct, frozen=True):
    """Attributes:
    outcomes: one a target.
    seconds: what the fit took, all targets together.
    passed: targets that passed the gate, of all that the fit tried, which may be more than those judged.
        `certified` in JSON.
    memory: most that its process had in memory, MB; None where it had none of its own.
    """

    outcomes: tuple[TargetOutcome, ...]
    seconds: float
    passed: int = field(name="certified")
    memory: float | None = None


Contestant = Callable[[Split, Split], FitTrial]
"""Fits on the first split and is judged on the second."""


def timed_fit(
    kind: FeatureKind,
    split: Split,
    parent: FitResult | None = None,
    targets: Sequence[float] = TARGETS,
    options: Options | None = None,
    sampled: NDArray[np.bool_] | None = None,
    encoder: str | None = None,
    progress: Progress = lambda _share, _doing: None,
) -> FitResult:
    """A fit of these rows; without its study, which is large.

    Args:
        parent: the fit before, as a stream's refits have it.
        sampled: bool [n], which rows test; None for all.
        encoder: id of what made the vectors; None where it makes no difference.
        progress: as in `models.fit.fit`.
    """
    everyone = np.ones(len(split), dtype=np.bool_)
    training = TrainingSet(kind.rows(split), split.labels, everyone if sampled is None else sampled)
    result = fit(
        training,
        task="bench",
        version="v1",
        embedder=kind.embedder,
        targets=targets,
        delta=DELTA,
        parent=None if parent is None else parent.artifact,
        fold_models=None if parent is None else parent.fold_models,
        options=options,
        encoder=encoder,
        progress=progress,
    )
    return replace(result, study=None, sample=None)


def policy_of(result: FitResult) -> Artifact:
    """Raises MissingData: the fit is refused, so there is nothing to measure."""
    if result.artifact is None:
        raise MissingData(f"nothing to measure, because the fit is refused: {result.refused[0]}")
    return result.artifact


def judge(
    artifact: Artifact | None, kind: FeatureKind, test: Split, targets: Sequence[float] = TARGETS
) -> tuple[TargetOutcome, ...]:
    """What the policy answers of `test` at each target; nothing where there is no policy."""
    if artifact is None:
        return tuple(TargetOutcome(target, False, len(test), 0, 0) for target in targets)
    policy = Policy.open(artifact.manifest, artifact.graph)
    evaluation = evaluate(policy, kind.rows(test), test.labels, targets)
    outcomes = []
    for result in evaluation.targets:
        answered = round(result.coverage * evaluation.rows)
        agreed = round((result.agreement or 0.0) * answered)
        outcomes.append(
            TargetOutcome(result.target, result.threshold is not None, evaluation.rows, answered, agreed)
        )
    return tuple(outcomes)


def outcomes_at(trials: Sequence[FitTrial], target: float) -> list[TargetOutcome]:
    """The outcomes of all trials at one target."""
    return [outcome for trial in trials for outcome in trial.outcomes if outcome.target == target]


def coverage(trials: Sequence[FitTrial], target: float) -> float:
    """Mean; a fit whose target does not pass the gate counts as one that answers nothing."""
    return statistics.fmean(outcome.coverage for outcome in outcomes_at(trials, target))


def agreement(trials: Sequence[FitTrial], target: float) -> float | None:
    """Share of all answers that agree; None where there are none."""
    outcomes = outcomes_at(trials, target)
    answered = sum(outcome.answered for outcome in outcomes)
    return sum(outcome.agreed for outcome in outcomes) / answered if answered else None


def violations(trials: Sequence[FitTrial]) -> int:
    """Targets significantly missed, over all trials."""
    return sum(outcome.violation for trial in trials for outcome in trial.outcomes)
