"""Gain of one more tier: what the same traces would have answered with it and without it.

Compared are the shares that the oracle threshold of each target answers on the gate's traces, out of fold. A
gate proves less than that on as few traces, and it proves it; this only says whether the tier is worth a fit.
The interval of the difference is a percentile bootstrap (Efron 1979) of the traces, drawn for both together.

What the tier costs is what it reads: all that the tiers before it hand on, also what they would answer at a
low target, and all that is deferred, for the traces.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from models.fit import Options, fit
from models.gate.candidate_metrics import oracle_threshold
from models.study import Study
from models.training_set import TrainingSet

RESAMPLES = 500
INTERVAL = (2.5, 97.5)
NEVER = np.float32(-1.0)
FEWEST = 50
"""Requests without which a difference is not worth a word."""


class TargetGain(Struct, frozen=True, rename={"with_tier": "with"}):
    """What one more tier brings at one target.

    Attributes:
        target: agreement with the teacher.
        without, with_tier: share of the requests that would be answered.
        low, high: 95 % interval of the difference.
        read: share of the requests that the tier would read, but for audits.
    """

    target: float
    without: float
    with_tier: float
    low: float
    high: float
    read: float

    @property
    def is_shown(self) -> bool:
        """Whether these requests show a gain at all."""
        return self.low > 0.0

    @property
    def is_loss(self) -> bool:
        """Whether these requests show that less is answered with it."""
        return self.high < 0.0

    @property
    def break_even(self) -> float:
        """Price of reading a text, as a share of a teacher's call, at which the tier saves what it costs."""
        return max(self.with_tier - self.without, 0.0) / self.read if self.read else 0.0


class TierGain(Struct, frozen=True):
    """What one more tier brings.

    Attributes:
        tier: what makes its vectors.
        requests: how many were compared.
        milliseconds: that its encoder took for a text.
        accuracy_without, accuracy_with: share of the requests whose label is guessed, out of fold.
        targets: lowest first; empty if nothing could be fitted.
        refused: why nothing could be fitted, in words.
    """

    tier: str
    requests: int
    milliseconds: float
    accuracy_without: float = 0.0
    accuracy_with: float = 0.0
    targets: tuple[TargetGain, ...] = ()
    refused: tuple[str, ...] = ()


class TieredTraces(Struct, frozen=True):
    """Traces as some tiers read them; the fields are arguments of `models.fit.fit`."""

    embedder: str
    training: TrainingSet
    encoder: str | None


class TierTrial(Struct, frozen=True):
    """The same traces without one more tier, and with it.

    Attributes:
        tier: what makes its vectors.
        milliseconds: that its encoder took for a text.
    """

    without: TieredTraces
    with_tier: TieredTraces
    tier: str
    milliseconds: float


def tier_gain(trial: TierTrial, targets: Sequence[float], delta: float, seed: int = 0) -> TierGain:
    """Fit with the tier and without it, and compare.

    Args:
        targets: agreements, in (0, 1).
        delta: of the fits, in (0, 1).
        seed: of folds and resamples.

    Raises:
        TrainingError, InvalidSpec: see `models.fit.fit`.
    """
    bare = TierGain(trial.tier, len(trial.without.training), trial.milliseconds)
    studies = []
    for traces in (trial.without, trial.with_tier):
        result = fit(
            traces.training,
            task="scan",
            version="scan",
            embedder=traces.embedder,
            encoder=traces.encoder,
            targets=targets,
            delta=delta,
            options=Options(curve=0.0),
            seed=seed,
        )
        if result.study is None:
            return replace(bare, refused=result.refused)
        studies.append(result.study)
    return _compared(bare, studies[0], studies[1], targets, seed)


def _compared(
    bare: TierGain, without: Study, with_tier: Study, targets: Sequence[float], seed: int
) -> TierGain:
    rows = np.flatnonzero(without.gate_rows & with_tier.gate_rows)
    if len(rows) < FEWEST:
        reason = f"only {len(rows)} of the requests say something different, must be {FEWEST} at least"
        return replace(bare, refused=(reason,))
    one, other = _ScoredTraces(without, rows), _ScoredTraces(with_tier, rows)
    draws = np.random.default_rng(seed).integers(len(rows), size=(RESAMPLES, len(rows)))
    return TierGain(
        bare.tier,
        bare.requests,
        bare.milliseconds,
        accuracy_without=float(one.agrees.mean()),
        accuracy_with=float(other.agrees.mean()),
        targets=tuple(_target_gain(one, other, target, draws) for target in sorted(set(targets))),
    )


class _ScoredTraces:
    """Scores of some traces, below every threshold where the policy never answers, and who was right."""

    def __init__(self, study: Study, rows: NDArray[np.int64]) -> None:
        self.scores = np.where(study.eligible[rows], study.scores[rows], NEVER)
        self.agrees = study.guesses[rows] == study.codes[rows]
        self._decided_by = None if study.decided_by is None else study.decided_by[rows]
        self._last = len(study.tiers) - 1

    def share(self, target: float, drawn: NDArray[np.int64] | None = None) -> float:
        """Of the traces, or of some that were drawn of them, the share that is answered."""
        rows = slice(None) if drawn is None else drawn
        return float(self._answered(target, rows).mean())

    def read_by_last(self, target: float) -> float:
        """Share of the traces that the last tier reads: handed on to it, or deferred."""
        deferred = ~self._answered(target, slice(None))
        handed_on = True if self._decided_by is None else self._decided_by == self._last
        return float((deferred | handed_on).mean())

    def _answered(self, target: float, rows: slice | NDArray[np.int64]) -> NDArray[np.bool_]:
        scores = self.scores[rows]
        threshold, _ = oracle_threshold(scores, self.agrees[rows], target)
        return np.asarray((scores >= threshold) & (scores > NEVER))


def _target_gain(
    one: _ScoredTraces, other: _ScoredTraces, target: float, draws: NDArray[np.int64]
) -> TargetGain:
    gains = [other.share(target, drawn) - one.share(target, drawn) for drawn in draws]
    low, high = np.percentile(gains, INTERVAL)
    shares = one.share(target), other.share(target)
    return TargetGain(target, *shares, float(low), float(high), other.read_by_last(target))
