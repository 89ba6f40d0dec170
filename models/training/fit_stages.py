"""What is learned from traces: stages, blocked labels, and the sample that they are certified on.

Whatever touches the promise (calibration, novelty limits, sample) sees sampled traces only, each scored by
models that have not learned from it. What is chosen is chosen on traces that do not certify
(`models.training.folds`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from models import binomial
from models.embedders.spec import is_lazy, tiers
from models.featurizers.contract import Featurizer
from models.featurizers.text import TextFeaturizer
from models.featurizers.vectors import VectorFeaturizer
from models.gate.candidate_metrics import oracle_threshold
from models.gate.frontier import Sample
from models.study import CandidateResult, Study
from models.surrogates.contract import TrainingTargets
from models.training import cascade, folds, stage
from models.training.cascade import Ensemble
from models.training.options import Options
from models.training.sweep import Recipe, Sweep
from models.training_set import TrainingSet

LEAST_TRACES = 3
LEVEL = 0.05
RESIDUAL_GAIN = 0.003
FEWEST_DEFERRED = 500

Progress = Callable[[float, str], None]
Learned = tuple[Ensemble, tuple[CandidateResult, ...]]


@dataclass(frozen=True, slots=True)
class FittedStages:
    """Everything that a policy is made of.

    Attributes:
        joint: its stages.
        lesson: what they have learned.
        sampled: bool [n], which traces are a uniform sample of all traffic.
        few, poor: bool [labels], with too few traces to be answered; proven to agree too seldom.
        trials: what was tried.
    """

    joint: Ensemble
    lesson: TrainingTargets
    sampled: NDArray[np.bool_]
    few: NDArray[np.bool_]
    poor: NDArray[np.bool_]
    trials: tuple[CandidateResult, ...]

    @property
    def blocked(self) -> NDArray[np.bool_]:
        return self.few | self.poor

    def why_blocked(self, names: tuple[str, ...]) -> dict[str, str]:
        """The labels that are never answered, and why."""
        poor = {names[code]: "agrees too seldom" for code in np.flatnonzero(self.poor)}
        return poor | {names[code]: "too few traces" for code in np.flatnonzero(self.few)}

    @property
    def certifying(self) -> NDArray[np.bool_]:
        """bool [n], the traces that certify."""
        return self.sampled & ~self.lesson.choosers

    @property
    def agrees(self) -> NDArray[np.bool_]:
        return np.asarray(self.joint.guesses == self.lesson.codes)

    @property
    def eligible(self) -> NDArray[np.bool_]:
        """bool [n], neither novel nor of a blocked label.

        Whether a label has enough traces is counted without the trace itself: its own label must not decide
        whether it certifies.
        """
        guesses, codes = self.joint.guesses, self.lesson.codes
        others = np.bincount(codes, minlength=self.lesson.labels)[guesses] - self.agrees
        return np.asarray((self.joint.novelty <= 1.0) & ~self.poor[guesses] & (others >= LEAST_TRACES))

    @property
    def sample(self) -> Sample:
        rows = self.certifying
        return Sample(self.joint.scores[rows], self.agrees[rows], self.eligible[rows])

    def study(self, names: tuple[str, ...]) -> Study:
        joint = self.joint
        return Study(
            names=names,
            codes=self.lesson.codes,
            guesses=joint.guesses,
            runners_up=joint.runners_up,
            scores=joint.scores,
            novelty=joint.novelty,
            novelty_limit=1.0,
            eligible=self.eligible,
            sampled=self.sampled,
            certifying=self.certifying,
            trials=self.trials,
        )


def learn(
    training: TrainingSet,
    names: tuple[str, ...],
    embedder: str,
    targets: Sequence[float],
    options: Options,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> FittedStages:
    """Learn all stages; arguments as in `models.fit.fit`, `names` the sorted labels.

    Args:
        recipe: what the parent has chosen; None to search.
    """
    lesson, sampled = _lesson(training, names, seed)
    progress(0.0, "reading features")
    designs = _designs(training, embedder, lesson)
    recipe = recipe if lesson.choosers.any() else None
    progress(0.25, "fitting out of fold")
    joint, trials = _joint(embedder, designs, lesson, sampled, targets, options, recipe, progress)
    few = np.bincount(lesson.codes, minlength=len(names)) < LEAST_TRACES
    poor = _poor(joint, lesson, min(targets), options.label_floor)
    return FittedStages(joint, lesson, sampled, few, poor, trials)


def _lesson(
    training: TrainingSet, names: tuple[str, ...], seed: int
) -> tuple[TrainingTargets, NDArray[np.bool_]]:
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place[label] for label in training.labels], dtype=np.int64)
    sampled = np.asarray(training.sampled, dtype=np.bool_)
    held, choosers = (
        folds.assign_folds(codes, seed),
        folds.selection_rows(sampled, folds.keys(training.features)),
    )
    weights = training.weights
    if weights is not None:
        weights = weights / weights[weights > 0].mean()
    return TrainingTargets(codes, len(names), held, weights, choosers, seed), sampled


def _designs(training: TrainingSet, embedder: str, lesson: TrainingTargets) -> list[list[Featurizer]]:
    """For each tier what it reads; what two tiers read is one design."""
    made: dict[str, Featurizer] = {}
    found = []
    for tier in tiers(embedder):
        if tier.text and "text" not in made:
            made["text"] = TextFeaturizer(training.features.texts or (), lesson.seed)
        if tier.vectors is not None and "vectors" not in made:
            vectors = training.features.embeddings
            assert vectors is not None  # noqa: S101 - `check` has refused anything else
            made["vectors"] = VectorFeaturizer(vectors, lesson.codes, lesson.labels, lesson.folds)
        wanted = [("text", tier.text), ("vectors", tier.vectors is not None)]
        found.append([made[kind] for kind, reads in wanted if reads])
    return found


def _joint(
    embedder: str,
    designs: list[list[Featurizer]],
    lesson: TrainingTargets,
    sampled: NDArray[np.bool_],
    targets: Sequence[float],
    options: Options,
    recipe: Recipe | None,
    progress: Progress,
) -> Learned:

    def tell(share: float) -> None:
        progress(0.25 + 0.5 * share, "fitting out of fold")

    family = "global" if len(designs) == 1 else "cascade"
    sweep = Sweep(lesson, sampled, options, recipe, family, tell)
    first = stage.learn(designs[0], sweep, family)
    if len(designs) > 1:
        second = stage.learn(designs[1], sweep, family)
        handover = cascade.lowest_handover(first, second, lesson, targets)
        return cascade.join_stages(first, second, handover, is_lazy(embedder)), tuple(sweep.trials)
    joint = cascade.single_stage(first)
    if not options.residual or recipe is not None or not lesson.choosers.any():
        return joint, tuple(sweep.trials)
    return _with_residual(joint, lesson, sampled, targets, options, sweep)


def _with_residual(
    joint: Ensemble,
    lesson: TrainingTargets,
    sampled: NDArray[np.bool_],
    targets: Sequence[float],
    options: Options,
    sweep: Sweep,
) -> Learned:
    """A second stage that learns from what the first would defer, if the choosers find that it helps."""
    (first,) = joint.stages
    rows = lesson.choosers
    handover, _ = oracle_threshold(first.scores[rows], (first.guesses == lesson.codes)[rows], min(targets))
    deferred = (first.scores < handover) | (first.novelty > 1.0)
    if int((deferred & lesson.choosers).sum()) * 10 < FEWEST_DEFERRED or not np.isfinite(handover):
        return joint, tuple(sweep.trials)
    weights = np.ones(len(deferred)) if lesson.weights is None else lesson.weights
    rest = replace(lesson, weights=weights * deferred, choosers=lesson.choosers & deferred)
    again = Sweep(rest, sampled & deferred, replace(options, surrogates=()), None, "residual")
    second = stage.learn(first.designs, again, "residual", first.limits)
    whole = cascade.join_stages(first, second, handover, lazy=False)
    gain = cascade.better_ensemble(joint, whole, lesson, targets)
    kept = gain >= RESIDUAL_GAIN
    outcome = "chosen" if kept else f"no better: coverage changes by {gain:+.1%}"
    (deployed,) = (trial for trial in again.trials if trial.outcome == stage.CHOSEN)
    trials = (*sweep.trials, structs.replace(deployed, outcome=outcome))
    return (whole if kept else joint), trials


def _poor(joint: Ensemble, lesson: TrainingTargets, target: float, floor: float) -> NDArray[np.bool_]:
    """bool [labels]: the choosers prove that its answers agree less often than the floor.

    Its answers are those above the threshold that would be right for the target on the choosers.
    """
    rows = np.flatnonzero(lesson.choosers)
    poor = np.zeros(lesson.labels, dtype=np.bool_)
    guesses, agrees = joint.guesses[rows], joint.guesses[rows] == lesson.codes[rows]
    threshold, _ = oracle_threshold(joint.scores[rows], agrees, target) if len(rows) else (float("inf"), 0.0)
    answered = joint.scores[rows] >= threshold
    trials = np.bincount(guesses[answered], minlength=lesson.labels)
    hits = np.bincount(guesses[answered & agrees], minlength=lesson.labels)
    for label in np.flatnonzero(trials):
        poor[label] = binomial.upper(int(hits[label]), int(trials[label]), LEVEL / lesson.labels) < floor
    return poor
