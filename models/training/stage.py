"""One stage of a policy: features, the surrogates that read them, their pool, an acceptor, and novelty."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.acceptors import choice
from models.acceptors.contract import Acceptor
from models.acceptors.evidence import AcceptorFeatures
from models.featurizers.contract import Featurizer
from models.gate.candidate_metrics import candidate_result
from models.surrogates.contract import Matrix, Surrogate
from models.training import pool
from models.training.sweep import Sweep

NOVEL = 0.005
LEAST_LIMIT = 1e-4
CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that one stage decides by, and what it makes of each trace out of fold.

    Attributes:
        designs: what it reads.
        members: the pool.
        weights: of the members, > 0.
        limits: for each design its largest novelty, > 0; all of them together defer one sampled trace in 200.
        acceptor: fitted.
        logits: float32 [n, labels], of the pool.
        scores: float32 [n], in [0, 1].
        novelty: float32 [n], the largest of the designs', each in units of its limit.
    """

    designs: tuple[Featurizer, ...]
    members: tuple[Surrogate, ...]
    weights: tuple[float, ...]
    limits: tuple[float, ...]
    acceptor: Acceptor
    logits: Matrix
    scores: NDArray[np.float32]
    novelty: NDArray[np.float32]

    @property
    def name(self) -> str:
        """The members, heaviest first."""
        ranked = sorted(zip(self.weights, self.members, strict=True), key=lambda pair: -pair[0])
        return " + ".join(member.name for _, member in ranked)

    @property
    def guesses(self) -> NDArray[np.int64]:
        return np.asarray(self.logits.argmax(axis=1))


def learn(
    designs: Sequence[Featurizer],
    sweep: Sweep,
    family: str = "global",
    limits: tuple[float, ...] | None = None,
) -> Stage:
    """Learn a stage that reads these designs; what was tried goes into the sweep's account.

    Args:
        limits: of the designs' novelty, where an earlier stage has set them.
    """
    lesson, sampled = sweep.lesson, sweep.sampled
    members, weights = sweep.pool(designs)
    logits = pool.pool_opinions([member.logits for member in members], weights)
    if limits is None:
        limits = tuple(_limit(design, sampled, NOVEL / len(designs)) for design in designs)
    scaled = [design.novelty / limit for design, limit in zip(designs, limits, strict=True)]
    novelty = np.max(scaled, axis=0).astype(np.float32)
    evidence = AcceptorFeatures(logits, tuple(member.logits for member in members), novelty)
    started = time.perf_counter()
    plain = sweep.recipe is not None and sweep.recipe.top1
    found = choice.candidates(evidence, lesson, sampled, plain)
    agrees = logits.argmax(axis=1) == lesson.codes
    best = choice.best_acceptor(found, agrees, lesson.choosers)
    stage = Stage(tuple(designs), members, weights, limits, best.acceptor, logits, best.scores, novelty)
    seconds = (time.perf_counter() - started) / len(found)
    for candidate in found:
        outcome = CHOSEN if candidate is best else "not clearly better than top-1"
        sweep.trials.append(
            candidate_result(
                stage.name,
                candidate.acceptor.name,
                family,
                agrees,
                candidate.scores,
                sweep.judges,
                seconds=seconds,
                outcome=outcome,
            )
        )
    return stage


def _limit(design: Featurizer, sampled: NDArray[np.bool_], share: float) -> float:
    """The novelty that this share of the sampled traces exceeds."""
    return max(float(np.quantile(design.novelty[sampled], 1.0 - share)), LEAST_LIMIT)
