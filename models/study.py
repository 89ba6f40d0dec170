"""What a fit has found out about its traces, each scored by models that have not learned from it.

The report draws it, `scan` sums it up; the manifest keeps what is not about single traces.
"""

from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class CandidateResult(Struct, frozen=True):
    """One surrogate and acceptor that were tried.

    Attributes:
        surrogate, acceptor: what they are, in words.
        family: `global` (one surrogate, one gate), `residual` or `cascade`.
        accuracy: out-of-fold share of all traces on which the surrogate agrees with the teacher.
        log_loss: of the score as a probability that the teacher agrees, on the traces that choose.
        coverage: share of those traces that a threshold would answer, by target as `0.95`.
        seconds: what it cost.
        outcome: `chosen`, or why not, in words.
    """

    surrogate: str
    acceptor: str
    family: str
    accuracy: float
    log_loss: float
    coverage: dict[str, float]
    seconds: float
    outcome: str


class LabelStats(Struct, frozen=True):
    """How the surrogate does where it guesses one label, at the lowest certified target that was asked for.

    Attributes:
        label: the teacher's name for it.
        traces: how many the teacher gave it.
        answered: certifying traces that would be answered with it.
        agreements: on how many of those the teacher agrees.
        low, high: exact two-sided 95 % bounds of the agreement.
        blocked: why it is never answered, in words; None where it may be.
        confused_with: the label that the teacher gives most often instead; None where it never does.
    """

    label: str
    traces: int
    answered: int
    agreements: int
    low: float
    high: float
    blocked: str | None = None
    confused_with: str | None = None


class CurvePoint(Struct, frozen=True):
    """What could be certified with fewer traces.

    Attributes:
        traces: how many were learned from.
        coverage: share of the traffic that could be answered, by target as `0.95`; 0.0 where nothing could.
        surest, misses: the quarter of the sampled traces that score best, and how many of them disagree.
    """

    traces: int
    coverage: dict[str, float]
    surest: int = 0
    misses: int = 0


class RepeatCounts(Struct, frozen=True):
    """What came of asking the teacher the same on purpose twice.

    Attributes:
        asked: such requests; on `same` of them it said the same.
    """

    asked: int = 0
    same: int = 0


class Noise(Struct, frozen=True):
    """How often the teacher contradicts itself on texts that are the same or nearly so.

    Attributes:
        pairs: such pairs of answers.
        contradictions: how many of them have two labels.
        ceiling: estimated highest agreement that any surrogate can reach.
        low, high: 95 % bounds of the ceiling.
        asked: the teacher was asked the same on purpose; else it is told from traces that happen to be alike.
    """

    pairs: int
    contradictions: int
    ceiling: float
    low: float
    high: float
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """All n traces of a fit, in their order, as the surrogate sees them out of fold.

    Attributes:
        names: the teacher's labels, sorted; codes index into them.
        codes: int64 [n], the teacher's label.
        guesses, runners_up: int64 [n], the surrogate's first and second choice.
        scores: float32 [n], in [0, 1], probability that the teacher agrees with the guess.
        novelty: float32 [n], answered only where it is at most `novelty_limit`.
        eligible: bool [n], neither novel nor of a blocked label.
        sampled: bool [n], it belongs to a uniform sample of all traffic.
        gate_rows: bool [n], the gate tested its thresholds on it; always sampled.
        candidates: the models that were tried, in order.
        label_stats: one for each label, in the order of `names`.
        curve: smallest number of traces first; empty where it was not asked for.
        noise: None where the traces have no repeated texts to tell it from.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]
    guesses: NDArray[np.int64]
    runners_up: NDArray[np.int64]
    scores: NDArray[np.float32]
    novelty: NDArray[np.float32]
    novelty_limit: float
    eligible: NDArray[np.bool_]
    sampled: NDArray[np.bool_]
    gate_rows: NDArray[np.bool_]
    candidates: tuple[CandidateResult, ...] = ()
    label_stats: tuple[LabelStats, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    noise: Noise | None = None

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """bool [n], the guess is the teacher's label."""
        return np.asarray(self.guesses == self.codes)

    def __len__(self) -> int:
        return len(self.codes)
