"""The sweep over surrogates: learns the cheap ones, tries the others, and records every candidate.

Cheap surrogates are always learned. The others are tried on one fold while the budget lasts, and learned in
full only where they improve the pool on that fold. With the recipe of an earlier fit its choices are taken
over, and nothing else is tried.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.acceptors import top1
from models.featurizers.contract import Featurizer
from models.featurizers.text import TextFeaturizer
from models.featurizers.vectors import VectorFeaturizer
from models.gate.candidate_metrics import candidate_result
from models.graph.linear import Linear
from models.study import CandidateResult
from models.surrogates import linear, neighbours, text_linear
from models.surrogates.contract import Matrix, Surrogate, TrainingTargets
from models.surrogates.logistic import log_loss
from models.surrogates.zoo import EXTRAS, Extra, usual_weights
from models.training import pool
from models.training.options import Options

GAIN = 0.01
RESIDUAL = "residual"
"""Family of a stage that learns from what the first defers: seldom kept, so it learns the cheap way."""

Learn = Callable[[], Surrogate]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The choices of an earlier fit.

    Attributes:
        strengths: C of the logistic regression, by kind of featurizer.
        extras: kinds of surrogates beyond those that are always learned.
        top1: it has chosen the top-1 acceptor.
    """

    strengths: dict[str, float]
    extras: frozenset[str]
    top1: bool


class Sweep:
    """Learns one surrogate after another, each once.

    Args:
        targets: of the n traces.
        sampled: bool [n], the trace belongs to a uniform sample of all traffic.
        options: budget and kinds.
        recipe: of an earlier fit, or None to search.
        family: as in `CandidateResult`.
        progress: called with the share done, in [0, 1], and what is being done.
        starts: for folds of the logistic regression on vectors a model to start from (see
            `models.training.fold_models`).

    Attributes:
        candidates: all that were tried, in order.
    """

    def __init__(
        self,
        targets: TrainingTargets,
        sampled: NDArray[np.bool_],
        options: Options,
        recipe: Recipe | None = None,
        family: str = "global",
        progress: Callable[[float, str], None] = lambda _share, _doing: None,
        starts: Mapping[int, Linear] | None = None,
    ) -> None:
        self.candidates: list[CandidateResult] = []
        self.targets, self.sampled, self.recipe = targets, sampled, recipe
        self._options, self._family, self._starts = options, family, starts
        self._progress = progress
        self._learned: dict[tuple[str, str], Surrogate] = {}
        self._started = time.perf_counter()

    def pool(self, featurizers: Sequence[Featurizer]) -> tuple[tuple[Surrogate, ...], tuple[float, ...]]:
        """The members of a pool on these featurizers, and their weights, all above zero."""
        members: list[Surrogate] = []
        for featurizer in featurizers:
            members += self._usual_members(featurizer)
        for featurizer in featurizers:
            if isinstance(featurizer, VectorFeaturizer):
                members += self._extra_members(featurizer, members)
        self._progress(1.0, "calibrating")
        weights = self._weights(members)
        kept = [place for place, weight in enumerate(weights) if weight > 0.0]
        return tuple(members[place] for place in kept), tuple(weights[place] for place in kept)

    def _usual_members(self, featurizer: Featurizer) -> list[Surrogate]:
        strength = None if self.recipe is None else self.recipe.strengths.get(featurizer.kind)

        def learn_linear() -> Surrogate:
            if isinstance(featurizer, TextFeaturizer) and self._family != RESIDUAL:
                return text_linear.learn(featurizer, self.targets, strength, self._tell_fitting)
            starts = self._starts if isinstance(featurizer, VectorFeaturizer) else None
            return linear.learn(featurizer, self.targets, strength, self._tell_fitting, starts)

        members = [self._learn_once(featurizer, linear.KIND, learn_linear)]
        if isinstance(featurizer, VectorFeaturizer):
            members.append(
                self._learn_once(
                    featurizer, neighbours.KIND, lambda: neighbours.learn(featurizer, self.targets)
                )
            )
        return members

    def _tell_fitting(self, share: float) -> None:
        self._progress(share, "fitting out of fold")

    def _extra_members(self, featurizer: VectorFeaturizer, members: list[Surrogate]) -> list[Surrogate]:
        extras: list[Surrogate] = []
        for extra in EXTRAS:
            if self._is_worth_learning(extra, featurizer, [*members, *extras]):
                learn = partial(extra.learn, featurizer, self.targets)
                extras.append(self._learn_once(featurizer, extra.kind, learn))
        return extras

    def _learn_once(self, featurizer: Featurizer, kind: str, learn: Learn) -> Surrogate:
        key = (featurizer.kind, kind)
        if key not in self._learned:
            started = time.perf_counter()
            self._learned[key] = surrogate = learn()
            self._record(surrogate.name, surrogate.logits, time.perf_counter() - started, "learned")
        return self._learned[key]

    def _is_worth_learning(
        self, extra: Extra, featurizer: VectorFeaturizer, members: list[Surrogate]
    ) -> bool:
        """Whether to learn it in full; records a candidate with the reason if not."""
        if self.recipe is not None:
            return extra.kind in self.recipe.extras
        if not self._options.allows(extra.kind, extra.by_name) or not self.targets.selection_rows.any():
            return False
        if any(
            len(np.unique(self.targets.codes[self.targets.learning_rows(held_out)])) < 2
            for held_out in self.targets.held_out
        ):
            return False
        left = self._options.budget - (time.perf_counter() - self._started)
        cost = extra.seconds(self.targets, featurizer.matrix.shape[1])
        if cost > left:
            outcome = (
                f"not tried: needs about {cost:.0f} s of a budget of which {max(left, 0):.0f} s are left"
            )
            self._record(extra.kind, None, 0.0, outcome)
            return False
        started = time.perf_counter()
        gain = self._gain(extra, featurizer, members)
        if gain < GAIN:
            spent = time.perf_counter() - started
            self._record(
                extra.kind, None, spent, f"not learned: on one fold log loss falls by {gain:.2%} only"
            )
        return gain >= GAIN

    def _gain(self, extra: Extra, featurizer: VectorFeaturizer, members: list[Surrogate]) -> float:
        """Share by which the pool's log loss falls with it, on the selection traces of one fold."""
        held_out = self.targets.held_out[0]
        rows = np.flatnonzero(held_out & self.targets.selection_rows)
        if len(rows) == 0:
            return 0.0
        codes = self.targets.codes[rows]
        logits = [member.logits[rows] for member in members]
        fold = extra.fold(featurizer.matrix, self.targets, self.targets.learning_rows(held_out))
        with_extra = [*logits, fold.predict(featurizer.matrix[rows])]
        usual = usual_weights(members)
        before = log_loss(pool.pool_opinions(logits, pool.pool_weights(logits, codes, usual)), codes)
        after = log_loss(
            pool.pool_opinions(with_extra, pool.pool_weights(with_extra, codes, (*usual, 0.0))), codes
        )
        return 1.0 - after / before if before > 0.0 else 0.0

    def _weights(self, members: Sequence[Surrogate]) -> tuple[float, ...]:
        rows = np.flatnonzero(self.targets.selection_rows)
        logits = [member.logits[rows] for member in members]
        return pool.pool_weights(logits, self.targets.codes[rows], usual_weights(members))

    def _record(self, name: str, logits: Matrix | None, seconds: float, outcome: str) -> None:
        scores = None
        if logits is not None:
            targets = self.targets
            scores = top1.fit(logits, targets.codes, targets.selection_rows, self.scoring_rows).logit_scores(
                logits
            )
        agrees = None if logits is None else logits.argmax(axis=1) == self.targets.codes
        self.candidates.append(
            candidate_result(
                name,
                top1.NAME,
                self._family,
                agrees,
                scores,
                self.scoring_rows,
                seconds=seconds,
                outcome=outcome,
            )
        )

    @property
    def scoring_rows(self) -> NDArray[np.bool_]:
        """bool [n], the traces on which candidates are compared."""
        return self.targets.selection_rows if self.targets.selection_rows.any() else self.sampled
