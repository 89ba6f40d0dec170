"""What is learned from traces: surrogate, acceptor, novelty limit, and the sample that they are certified on.

Whatever touches the promise (calibration, limit, sample) sees sampled traces only, each scored by models that
have not learned from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import acceptor, folds, logistic
from models.design import Design
from models.frontier import Sample
from models.manifest import Manifest
from models.study import Study
from models.text import TextDesign
from models.training import TrainingSet
from models.vectors import VectorDesign

LEAST_TRACES = 3
NOVELTY_QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class Fitted:
    """The surrogate and acceptor of all traces, and what they are certified on.

    Attributes:
        design, found: features and fold models.
        acceptor: calibrated on the sampled traces.
        blocked: bool [labels], too few traces to be answered.
        novelty_limit: exceeded by one sampled trace in a hundred.
        sample: the sampled traces, scored.
        accuracy: out-of-fold share of all traces on which the surrogate agrees with the teacher.
        codes: int64 [n], the teacher's label of every trace.
        sampled: bool [n], which of them the sample holds.
    """

    design: Design
    found: logistic.OutOfFold
    acceptor: acceptor.Acceptor
    blocked: NDArray[np.bool_]
    novelty_limit: float
    sample: Sample
    accuracy: float
    codes: NDArray[np.int64]
    sampled: NDArray[np.bool_]

    def study(self, names: tuple[str, ...]) -> Study:
        best = np.argsort(-self.found.logits, axis=1, kind="stable")[:, :2]
        novelty = self.design.novelty
        return Study(
            names=names,
            codes=self.codes,
            guesses=best[:, 0],
            runners_up=best[:, 1],
            scores=self.acceptor.scores(self.found.logits),
            novelty=novelty,
            novelty_limit=self.novelty_limit,
            eligible=(novelty <= self.novelty_limit) & ~self.blocked[best[:, 0]],
            sampled=self.sampled,
            certifying=self.sampled,
        )

    def blocked_labels(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name, blocked in zip(names, self.blocked, strict=True) if blocked)


def learn(
    training: TrainingSet,
    names: tuple[str, ...],
    embedder: str,
    ancestor: Manifest | None,
    seed: int,
    progress: Callable[[float, str], None],
) -> Fitted:
    """Everything that a policy is made of; arguments as in `models.fit.fit`, `names` the sorted labels."""
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place[label] for label in training.labels], dtype=np.int64)
    held = folds.assign(codes, seed)
    progress(0.0, "reading features")
    design = _design(training, embedder, codes, len(names), held, seed)
    progress(0.3, "fitting out of fold")
    found = logistic.out_of_fold(
        design.matrix,
        codes,
        len(names),
        held,
        training.weights,
        _strength(ancestor, embedder),
        lambda share: progress(0.3 + 0.6 * share, "fitting out of fold"),
    )
    guesses = found.logits.argmax(axis=1)
    agrees = guesses == codes
    sampled = np.asarray(training.sampled, dtype=np.bool_)
    calibrated = acceptor.fit(found.logits[sampled], agrees[sampled], codes[sampled])
    blocked = np.bincount(codes, minlength=len(names)) < LEAST_TRACES
    limit = float(np.quantile(design.novelty[sampled], NOVELTY_QUANTILE))
    eligible = (design.novelty <= limit) & ~blocked[guesses]
    sample = Sample(calibrated.scores(found.logits[sampled]), agrees[sampled], eligible[sampled])
    accuracy = float(agrees.mean())
    return Fitted(design, found, calibrated, blocked, limit, sample, accuracy, codes, sampled)


def _design(
    training: TrainingSet,
    embedder: str,
    codes: NDArray[np.int64],
    labels: int,
    held: NDArray[np.int64],
    seed: int,
) -> Design:
    if embedder == "text" and training.features.texts is not None:
        return TextDesign(training.features.texts, seed)
    vectors = training.features.embeddings
    assert vectors is not None  # noqa: S101 - `check` has refused anything else
    return VectorDesign(vectors, codes, labels, held)


def _strength(ancestor: Manifest | None, embedder: str) -> float:
    """Where the search for C begins: at the parent's, if it read the same features."""
    if ancestor is None or ancestor.embedder != embedder:
        return logistic.USUAL_STRENGTH
    return ancestor.regularisation
