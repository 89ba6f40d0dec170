"""A kind of policy on the whole train split: cold and warm fits, what they take, and what they answer.

Cold is a fit from nothing. Warm is the refit that a stream brings: the same traces, from a policy that was
fitted on five sixths of them. Each fit has a process of its own.
"""

import time
from dataclasses import dataclass

from infra.bench.banking import Split
from infra.bench.draws import subsets
from infra.bench.hindsight import best_coverages
from infra.bench.kinds import Kind
from infra.bench.process import run_alone
from infra.bench.progress import print_progress
from infra.bench.trial import TARGETS, Trial, judge, policy_of, timed_fit
from models.artifact import Artifact

STOCK_ITERATIONS = 30


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind, measured.

    Attributes:
        cold, warm: a trial for each run, which differ in seconds and memory alone; warm may be empty.
        stock: seconds of a scikit-learn fit in each run; may be empty.
        best: coverage of the cold policy in hindsight, at each target.
    """

    cold: tuple[Trial, ...]
    warm: tuple[Trial, ...]
    stock: tuple[float, ...]
    best: tuple[float, ...]


def measure_kind(kind: Kind, train: Split, test: Split, runs: int | None) -> KindResult:
    """So many runs; one cold fit where that is None.

    Cold, warm and scikit-learn take turns, so that a machine that is busy for a while is busy for all.

    Raises:
        MissingData: a fit is refused.
    """
    print_progress(f"{kind.name}: {len(train):,} traces")
    artifact, trial = _made(kind, train, test)
    cold, warm, stock = [trial], [], []
    if runs is not None:
        (part,) = subsets(train, len(train) * 5 // 6, 1)
        parent, _ = _made(kind, part, test)
        for run in range(runs):
            cold += [_made(kind, train, test)[1]] if run else []
            warm.append(_made(kind, train, test, parent)[1])
            stock.append(_stock(kind, train))
            print_progress(f"{kind.name}: run {run + 1} of {runs}, warm in {warm[-1].seconds:.1f} s")
    return KindResult(tuple(cold), tuple(warm), tuple(stock), best_coverages(artifact, kind, test, TARGETS))


def _made(kind: Kind, train: Split, test: Split, parent: Artifact | None = None) -> tuple[Artifact, Trial]:
    found = run_alone(timed_fit, kind, train, parent)
    artifact = policy_of(found.result)
    summary, outcomes = found.result.summary, judge(artifact, kind, test)
    return artifact, Trial(outcomes, summary.seconds, len(summary.frontier), found.memory)


def _stock(kind: Kind, train: Split) -> float:
    started = time.perf_counter()
    kind.stock(train, STOCK_ITERATIONS)
    return time.perf_counter() - started
