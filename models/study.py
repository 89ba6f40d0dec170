"""Study of a fit: its traces with out-of-fold scores, and statistics of them.

The report shows it, `scan` sums it up; the manifest keeps the parts that are not about single traces.
"""

from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class CandidateResult(Struct, frozen=True):
    """A surrogate with an acceptor that was tried.

    Attributes:
        surrogate, acceptor: in words.
        family: `global` (one surrogate, one gate), `residual` or `cascade`.
        accuracy: share of all traces on which the surrogate's guess is the teacher's label, out of fold.
        log_loss: of the score as the probability that the teacher agrees, on the selection traces, or on all
            sampled traces where there are no selection traces.
        coverage: share of those traces that the oracle threshold answers, by target as `0.95`.
        seconds: that it took.
        outcome: `chosen`, `learned`, or why it was not chosen, in words.
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
    """Statistics of one label, at the lowest requested target that passed the gate.

    Attributes:
        label: its name.
        traces: number of traces to which the teacher gave it.
        answered: gate traces that would be answered with it.
        agreements: answered ones on which the teacher agrees.
        low, high: exact two-sided 95 % bounds of the agreement.
        blocked: why the surrogate never answers with it, in words; None if it may.
        confused_with: the label that the teacher gives most often instead; None if it never does.
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
    """A point of the learning curve: what passes the gate with fewer traces.

    Attributes:
        traces: number of traces learned from.
        coverage: share of the requests that would be answered, by target as `0.95`; 0.0 if it did not pass.
        surest, misses: size of the highest-scoring quarter of the sampled traces, and its disagreements.
    """

    traces: int
    coverage: dict[str, float]
    surest: int = 0
    misses: int = 0


class RepeatCounts(Struct, frozen=True):
    """Counts of requests that the teacher was asked twice on purpose.

    Attributes:
        asked: number of such requests.
        same: number on which both labels were the same.
    """

    asked: int = 0
    same: int = 0


class Noise(Struct, frozen=True):
    """How often the teacher contradicts itself on requests that are the same or nearly the same.

    Attributes:
        pairs: such pairs of answers.
        contradictions: pairs with two different labels.
        ceiling: estimate of the highest agreement that any surrogate can reach.
        low, high: 95 % bounds of the ceiling.
        asked: the teacher was asked twice on purpose; else traces that happen to be alike were compared.
    """

    pairs: int
    contradictions: int
    ceiling: float
    low: float
    high: float
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """All n traces of a fit, in their order, scored out of fold.

    Attributes:
        names: the teacher's labels, sorted; codes index into them.
        codes: int64 [n], the teacher's label.
        guesses, runners_up: int64 [n], the surrogate's first and second choice.
        scores: float32 [n], in [0, 1], probability that the teacher agrees with the guess.
        novelty: float32 [n]; a row is answered only if it is at most `novelty_limit`.
        eligible: bool [n], neither novel nor of a blocked label.
        sampled: bool [n], it belongs to a uniform sample of all traffic.
        gate_rows: bool [n], the gate tested its thresholds on it; always sampled.
        candidates: the models that were tried, in order.
        label_stats: one for each label, in the order of `names`.
        curve: smallest number of traces first; empty if it was not measured.
        noise: None if too few requests repeat.
        tiers: of a cascade, as its `embedder` names them; empty where there is one, or it is not known which
            of them decides a row.
        decided_by: int64 [n], the place of the tier that decides; None where it is not known.
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
    tiers: tuple[str, ...] = ()
    decided_by: NDArray[np.int64] | None = None

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """bool [n], the guess is the teacher's label."""
        return np.asarray(self.guesses == self.codes)

    def __len__(self) -> int:
        return len(self.codes)
