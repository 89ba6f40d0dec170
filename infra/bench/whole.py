"""Fits of one kind of policy on the whole train split: cold, warm, and the best threshold in hindsight.

Cold is a fit from nothing. Warm is the refit that a stream brings: the same traces, from a policy that was
fitted on five sixths of them. Each fit has a process of its own.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.bench.corpora import Split
from infra.bench.draws import subsets
from infra.bench.kinds import FeatureKind
from infra.bench.phases import FitPhase, FitPhases
from infra.bench.process import print_progress, run_alone
from infra.bench.trial import TARGETS, FitTrial, judge, policy_of, timed_fit
from models.artifact import Artifact
from models.fit import FitResult
from models.gate.candidate_metrics import oracle_threshold
from models.policy import Policy

STOCK_ITERATIONS = 30


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind, measured.

    Attributes:
        cold, warm: a trial for each run, which differ in seconds and memory alone.
        cold_phases, warm_phases: the phases of each of these fits.
        stock: seconds of a scikit-learn fit in each run.
        best: coverage of the cold policy at its best threshold in hindsight, for each target.
    """

    cold: tuple[FitTrial, ...]
    warm: tuple[FitTrial, ...]
    cold_phases: tuple[tuple[FitPhase, ...], ...]
    warm_phases: tuple[tuple[FitPhase, ...], ...]
    stock: tuple[float, ...]
    best: tuple[float, ...]


class _TimedFit(NamedTuple):
    artifact: Artifact
    trial: FitTrial
    phases: tuple[FitPhase, ...]


def measure_kind(kind: FeatureKind, train: Split, test: Split, runs: int) -> KindResult:
    """Measure the kind `runs` times, at least once.

    Cold, warm and scikit-learn take turns, so that a machine that is busy for a while is busy for all.

    Raises:
        MissingData: a fit is refused.
    """
    print_progress(f"{kind.name}: {len(train):,} traces")
    (part,) = subsets(train, len(train) * 5 // 6, 1)
    parent = run_alone(timed_fit, kind, part).result
    policy_of(parent)
    fits, warm, stock = [], [], []
    for run in range(runs):
        fits.append(_fit_alone(kind, train, test))
        warm.append(_fit_alone(kind, train, test, parent))
        stock.append(_stock_seconds(kind, train))
        print_progress(f"{kind.name}: run {run + 1} of {runs}, warm in {warm[-1].trial.seconds:.1f} s")
    return KindResult(
        cold=tuple(fit.trial for fit in fits),
        warm=tuple(fit.trial for fit in warm),
        cold_phases=tuple(fit.phases for fit in fits),
        warm_phases=tuple(fit.phases for fit in warm),
        stock=tuple(stock),
        best=best_coverages(fits[0].artifact, kind, test, TARGETS),
    )


def best_coverages(
    artifact: Artifact, kind: FeatureKind, test: Split, targets: tuple[float, ...]
) -> tuple[float, ...]:
    """Coverage at the best threshold in hindsight of this policy on these rows, for each target."""
    policy = Policy.open(artifact.manifest, artifact.graph)
    scores = policy.score(kind.rows(test))
    agrees = np.array(policy.manifest.labels)[scores.label] == np.array(test.labels)
    return tuple(widest_coverage(scores.score, agrees, target) for target in targets)


def widest_coverage(scores: NDArray[np.float32], agrees: NDArray[np.bool_], target: float) -> float:
    """Largest share of the rows that one threshold answers with at least `target` agreement, labels known.

    Args:
        scores, agrees: [n], rows that may be answered score above 0.
    """
    allowed = scores > 0
    _, share = oracle_threshold(scores[allowed], agrees[allowed], target)
    return round(share * int(allowed.sum())) / len(scores)


def _fit_alone(kind: FeatureKind, train: Split, test: Split, parent: FitResult | None = None) -> _TimedFit:
    """A fit in a process of its own, and how its policy does on the test rows."""
    measured = run_alone(_phased_fit, kind, train, parent)
    result, phases = measured.result
    artifact = policy_of(result)
    summary, outcomes = result.summary, judge(artifact, kind, test)
    trial = FitTrial(outcomes, summary.seconds, len(summary.frontier), measured.memory)
    return _TimedFit(artifact, trial, phases)


def _phased_fit(
    kind: FeatureKind, train: Split, parent: FitResult | None
) -> tuple[FitResult, tuple[FitPhase, ...]]:
    phases = FitPhases()
    result = timed_fit(kind, train, parent, progress=phases.begin)
    return result, phases.end()


def _stock_seconds(kind: FeatureKind, train: Split) -> float:
    started = time.perf_counter()
    kind.stock(train, STOCK_ITERATIONS)
    return time.perf_counter() - started
