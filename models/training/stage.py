"""Stages of a policy: featurizers, the surrogates that read them, their pool, an acceptor, and novelty."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.acceptors import choice
from models.acceptors.contract import Acceptor
from models.acceptors.features import AcceptorFeatures
from models.featurizers.contract import Featurizer
from models.gate.candidate_metrics import candidate_result
from models.novelty.left_out_labels import learn_outsider_score
from models.novelty.outsiders import OutsiderScore
from models.surrogates.contract import Matrix, Surrogate
from models.training import pool
from models.training.sweep import Sweep

FAR = 0.001
"""Share of the sampled traces that is deferred for its distance from all traces."""
DOUBTFUL = 0.009
"""Share that is deferred because no label suits it."""
LEAST_LIMIT = 1e-4
CHOSEN = "chosen"

Novelty = tuple[tuple[float, ...], OutsiderScore | None, NDArray[np.float32]]
"""Limits, outsider score and novelty, as in `Stage`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The parts of one stage, and its out-of-fold results for n traces.

    Attributes:
        featurizers: of the features that it reads.
        members: of the pool.
        weights: of the members, > 0.
        limits: for each featurizer the largest novelty that is answered, > 0; all together defer the share
            `FAR` of the sampled traces.
        outsiders: the novelty of its logits; None in a residual stage, whose novelty is that of the first.
        acceptor: fitted.
        logits: float32 [n, labels], of the pool.
        scores: float32 [n], in [0, 1].
        novelty: float32 [n], the largest of the featurizers' and the outsider score's, each in units of its
            limit.
    """

    featurizers: tuple[Featurizer, ...]
    members: tuple[Surrogate, ...]
    weights: tuple[float, ...]
    limits: tuple[float, ...]
    outsiders: OutsiderScore | None
    acceptor: Acceptor
    logits: Matrix
    scores: NDArray[np.float32]
    novelty: NDArray[np.float32]

    @property
    def name(self) -> str:
        """Names of the members, heaviest first."""
        ranked = sorted(zip(self.weights, self.members, strict=True), key=lambda pair: -pair[0])
        return " + ".join(member.name for _, member in ranked)

    @property
    def guesses(self) -> NDArray[np.int64]:
        """int64 [n], the label with the highest logit."""
        return np.asarray(self.logits.argmax(axis=1))


def learn_stage(
    featurizers: Sequence[Featurizer],
    sweep: Sweep,
    family: str = "global",
    first: Stage | None = None,
) -> Stage:
    """Learn a stage that reads these features; adds the tried acceptors to the sweep's candidates.

    Args:
        family: as in `CandidateResult`.
        first: the stage before a residual one, on the same featurizers: its novelty is taken over.
    """
    targets, sampled = sweep.targets, sweep.sampled
    members, weights = sweep.pool(featurizers)
    logits = pool.pool_opinions([member.logits for member in members], weights)
    limits, outsiders, novelty = (
        _learn_novelty(featurizers, logits, sweep) if first is None else (first.limits, None, first.novelty)
    )
    features = AcceptorFeatures(logits, tuple(member.logits for member in members), novelty)
    started = time.perf_counter()
    only_top1 = sweep.recipe is not None and sweep.recipe.top1
    ranked = choice.candidates(features, targets, sampled, only_top1)
    agrees = logits.argmax(axis=1) == targets.codes
    best = choice.best_acceptor(ranked, agrees, targets.selection_rows)
    stage = Stage(
        tuple(featurizers), members, weights, limits, outsiders, best.acceptor, logits, best.scores, novelty
    )
    seconds = (time.perf_counter() - started) / len(ranked)
    for candidate in ranked:
        outcome = CHOSEN if candidate is best else "not clearly better than top-1"
        sweep.candidates.append(
            candidate_result(
                stage.name,
                candidate.acceptor.name,
                family,
                agrees,
                candidate.scores,
                sweep.scoring_rows,
                seconds=seconds,
                outcome=outcome,
            )
        )
    return stage


def _learn_novelty(featurizers: Sequence[Featurizer], logits: Matrix, sweep: Sweep) -> Novelty:
    targets, sampled = sweep.targets, sweep.sampled
    limits = tuple(_limit(featurizer, sampled, FAR / len(featurizers)) for featurizer in featurizers)
    outsiders = learn_outsider_score(logits, targets.codes, sampled, targets.selection_rows, DOUBTFUL)
    scaled = [featurizer.novelty / limit for featurizer, limit in zip(featurizers, limits, strict=True)]
    novelty = np.max([*scaled, outsiders.novelty(logits)], axis=0).astype(np.float32)
    return limits, outsiders, novelty


def _limit(featurizer: Featurizer, sampled: NDArray[np.bool_], share: float) -> float:
    """The novelty that this share of the sampled traces exceeds, at least `LEAST_LIMIT`."""
    return max(float(np.quantile(featurizer.novelty[sampled], 1.0 - share)), LEAST_LIMIT)
