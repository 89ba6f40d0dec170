"""Which surrogates are learned, how far the search for more goes, and the account of what was tried.

Cheap surrogates are always learned. The others are tried on one fold while the budget lasts, and learned in
full only where that fold says that the pool gets better by them. What an earlier fit has chosen is taken as
it is, and nothing else is tried.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.acceptors import top1
from models.featurizers.contract import Featurizer
from models.featurizers.vectors import VectorFeaturizer
from models.gate.candidate_metrics import candidate_result
from models.study import CandidateResult
from models.surrogates import linear, neighbours
from models.surrogates.contract import Matrix, Surrogate, TrainingTargets
from models.surrogates.logistic import log_loss
from models.surrogates.zoo import EXTRAS, Extra, usual_weights
from models.training import pool
from models.training.options import Options

GAIN = 0.01

Learn = Callable[[], Surrogate]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an earlier fit has chosen.

    Attributes:
        strengths: C of the logistic regression on each kind of design.
        extras: kinds of surrogates beyond those that are always learned.
        top1: its acceptor was the plain one.
    """

    strengths: dict[str, float]
    extras: frozenset[str]
    top1: bool


class Sweep:
    """Learns one surrogate after another, each once.

    Args:
        lesson, sampled: what there is to learn; bool [n], which traces are a uniform sample of all traffic.
        options: budget and kinds.
        recipe: of an earlier fit, or None to search.
        family: for the account.
        progress: told the share done, in [0, 1].

    Attributes:
        trials: the account, in order.
    """

    def __init__(
        self,
        lesson: TrainingTargets,
        sampled: NDArray[np.bool_],
        options: Options,
        recipe: Recipe | None = None,
        family: str = "global",
        progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.trials: list[CandidateResult] = []
        self.lesson, self.sampled, self.recipe = lesson, sampled, recipe
        self._options, self._family, self._progress = options, family, progress
        self._learned: dict[tuple[str, str], Surrogate] = {}
        self._started = time.perf_counter()

    def pool(self, designs: Sequence[Featurizer]) -> tuple[tuple[Surrogate, ...], tuple[float, ...]]:
        """The members of a pool on these designs, and their weights, all above zero."""
        found: list[Surrogate] = []
        for design in designs:
            found += self._usual(design)
        for design in designs:
            if isinstance(design, VectorFeaturizer):
                found += self._extras(design, found)
        weights = self._weights(found)
        kept = [place for place, weight in enumerate(weights) if weight > 0.0]
        return tuple(found[place] for place in kept), tuple(weights[place] for place in kept)

    def _usual(self, design: Featurizer) -> list[Surrogate]:
        strength = None if self.recipe is None else self.recipe.strengths.get(design.kind)
        learned = [
            self._once(
                design, linear.KIND, lambda: linear.learn(design, self.lesson, strength, self._progress)
            )
        ]
        if isinstance(design, VectorFeaturizer):
            near = self._once(design, neighbours.KIND, lambda: neighbours.learn(design, self.lesson))
            learned.append(near)
        return learned

    def _extras(self, design: VectorFeaturizer, members: list[Surrogate]) -> list[Surrogate]:
        found: list[Surrogate] = []
        for extra in EXTRAS:
            if self._wanted(extra, design, [*members, *found]):
                found.append(
                    self._once(design, extra.kind, lambda kind=extra: kind.learn(design, self.lesson))  # type: ignore[misc]
                )
        return found

    def _once(self, design: Featurizer, kind: str, learn: Learn) -> Surrogate:
        key = (design.kind, kind)
        if key not in self._learned:
            started = time.perf_counter()
            self._learned[key] = found = learn()
            self._tell(found.name, found.logits, time.perf_counter() - started, "learned")
        return self._learned[key]

    def _wanted(self, extra: Extra, design: VectorFeaturizer, members: list[Surrogate]) -> bool:
        """Whether to learn it in full; what speaks against it goes into the account."""
        if self.recipe is not None:
            return extra.kind in self.recipe.extras
        if not self._options.allows(extra.kind, extra.by_name) or not self.lesson.choosers.any():
            return False
        if any(len(np.unique(self.lesson.codes[self.lesson.learned(held)])) < 2 for held in self.lesson.held):
            return False
        left = self._options.budget - (time.perf_counter() - self._started)
        cost = extra.seconds(self.lesson, design.matrix.shape[1])
        if cost > left:
            self._tell(
                extra.kind, None, 0.0, f"not tried: it takes about {cost:.0f} s, {max(left, 0):.0f} are left"
            )
            return False
        started = time.perf_counter()
        gain = self._gain(extra, design, members)
        if gain < GAIN:
            spent = time.perf_counter() - started
            self._tell(extra.kind, None, spent, f"lost on one fold: log loss falls by {gain:.2%}")
        return gain >= GAIN

    def _gain(self, extra: Extra, design: VectorFeaturizer, members: list[Surrogate]) -> float:
        """By which share the pool's log loss on the choosers of one fold falls with it."""
        held = self.lesson.held[0]
        rows = np.flatnonzero(held & self.lesson.choosers)
        if len(rows) == 0:
            return 0.0
        codes = self.lesson.codes[rows]
        said = [member.logits[rows] for member in members]
        fold = extra.fold(design.matrix, self.lesson, self.lesson.learned(held))
        more = [*said, fold.predict(design.matrix[rows])]
        usual = usual_weights(members)
        before = log_loss(pool.pool_opinions(said, pool.weights(said, codes, usual)), codes)
        after = log_loss(pool.pool_opinions(more, pool.weights(more, codes, (*usual, 0.0))), codes)
        return 1.0 - after / before if before > 0.0 else 0.0

    def _weights(self, members: Sequence[Surrogate]) -> tuple[float, ...]:
        rows = np.flatnonzero(self.lesson.choosers)
        said = [member.logits[rows] for member in members]
        return pool.weights(said, self.lesson.codes[rows], usual_weights(members))

    def _tell(self, name: str, logits: Matrix | None, seconds: float, outcome: str) -> None:
        scores = None
        if logits is not None:
            lesson = self.lesson
            scores = top1.fit(logits, lesson.codes, lesson.choosers, self.judges).of_logits(logits)
        agrees = None if logits is None else logits.argmax(axis=1) == self.lesson.codes
        self.trials.append(
            candidate_result(
                name, top1.NAME, self._family, agrees, scores, self.judges, seconds=seconds, outcome=outcome
            )
        )

    @property
    def judges(self) -> NDArray[np.bool_]:
        """bool [n], the traces that the account judges by."""
        return self.lesson.choosers if self.lesson.choosers.any() else self.sampled
