"""`bench fit`: how long a fit takes, and how much of the test split its policy answers, how well.

Cold is a fit from nothing on the whole train split. Warm is the refit that a stream brings: the same traces,
from a policy that was fitted on five sixths of them. Coverage stands beside the best that any threshold on
the same scores could have done, found with the test labels in hand.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.bench.banking import Split, read
from infra.bench.figures import Figure, Report, alternating, figure, report
from infra.bench.kinds import KINDS, Kind
from infra.errors import MissingData
from models.artifact import Artifact
from models.evaluate import evaluate
from models.features import Features
from models.fit import TrainingSet, fit
from models.policy import Policy

TARGETS = (0.90, 0.95, 0.98)
STOCK_ITERATIONS = 30
_STOCK = f"one scikit-learn fit, C given, {STOCK_ITERATIONS} iterations"


def measure(folder: Path, runs: int) -> Report:
    """Raises InvalidFile, MissingData: see `infra.bench.banking.read`; or there is too little to fit on."""
    train, test = read(folder, "train"), read(folder, "test")
    return report([found for kind in KINDS for found in _of(kind, train, test, runs)])


def fitted(kind: Kind, rows: Features, labels: Sequence[str], parent: Artifact | None = None) -> Artifact:
    """A policy from these rows, all of them sampled.

    Raises:
        MissingData: they are too few for any of the targets.
    """
    training = TrainingSet(rows, labels, np.ones(len(labels), dtype=np.bool_))
    made = fit(training, task="bench", version="v1", embedder=kind.embedder, targets=TARGETS, parent=parent)
    if made.artifact is None:
        raise MissingData(f"nothing to measure, for the fit is refused: {made.refused[0]}")
    return made.artifact


def hindsight(scores: NDArray[np.float32], agrees: NDArray[np.bool_], target: float) -> float:
    """Largest share of the rows that one threshold answers with at least `target` agreement, labels known.

    Args:
        scores, agrees: [n], rows that may be answered score above 0.
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(scores) + 1)
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    good = (np.cumsum(agrees[order]) >= target * counts) & last_of_tie & (scores[order] > 0)
    return float(counts[good].max(initial=0) / len(scores))


def _of(kind: Kind, train: Split, test: Split, runs: int) -> list[Figure]:
    rows, parent = kind.rows(train), _parent(kind, train)
    made: dict[str, Artifact] = {}

    def cold() -> None:
        made["cold"] = fitted(kind, rows, train.labels)

    def warm() -> None:
        made["warm"] = fitted(kind, rows, train.labels, parent)

    def stock() -> None:
        kind.stock(train, STOCK_ITERATIONS)

    cold_s, warm_s, stock_s = alternating(
        runs, partial(_seconds, cold), partial(_seconds, warm), partial(_seconds, stock)
    )
    return [
        figure(f"{kind.name}: cold fit", cold_s, "s", _STOCK, stock_s),
        figure(f"{kind.name}: warm fit", warm_s, "s", "cold fit", cold_s),
        *_quality(kind, _opened(made["cold"]), _opened(made["warm"]), test),
    ]


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _opened(artifact: Artifact) -> Policy:
    return Policy.open(artifact.manifest, artifact.graph)


def _parent(kind: Kind, train: Split) -> Artifact:
    chosen = np.random.default_rng(0).permutation(len(train.labels))[: len(train.labels) * 5 // 6]
    return fitted(kind, kind.rows(train).take(chosen), [train.labels[row] for row in chosen])


def _quality(kind: Kind, cold: Policy, warm: Policy, test: Split) -> list[Figure]:
    rows = kind.rows(test)
    scores = cold.score(rows)
    agrees = np.array(cold.manifest.labels)[scores.label] == np.array(test.labels)
    judged = evaluate(cold, rows, test.labels, TARGETS).targets
    again = evaluate(warm, rows, test.labels, TARGETS).targets
    found = []
    for first, second in zip(judged, again, strict=True):
        name, best = f"{kind.name}, {first.target:g}", hindsight(scores.score, agrees, first.target)
        found += [
            figure(f"{name}: coverage", [first.coverage], "share", "best threshold in hindsight", [best]),
            figure(f"{name}: agreement", [first.agreement or 0.0], "share", "target", [first.target]),
            figure(f"{name}: coverage, warm fit", [second.coverage], "share", "cold fit", [first.coverage]),
        ]
    missed = sum(result.violation for result in (*judged, *again))
    return [*found, figure(f"{kind.name}: targets significantly missed", [missed], "targets")]
