"""`bench policy`: what a row costs to score, in µs of CPU on one thread, at batches of 1, 32 and 256.

A policy's row costs label, calibrated score and novelty, from Python text or vector to numpy; scikit-learn's
costs `predict_proba`, from the same; TRACER's costs a decision, from a vector, with its gate against novelty,
as it deploys it, and plain, without. What makes the vectors is in none of them. CPU time, because a busy
machine adds to the clock and not to it.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from infra.bench.corpora import Split, read_banking77
from infra.bench.kinds import FeatureKind, chosen_kinds, pipeline_rows
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, Table, alternate, figure, report
from infra.bench.request import BenchRequest
from infra.bench.rival_library import none_if_it_fails
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, TRACER
from infra.bench.trial import policy_of, timed_fit
from models.features import Features
from models.policy import Policy

BATCHES = (1, 32, 256)
STOCK_ITERATIONS = 5
LEAST_SECONDS = 0.2
MOST_ROWS = 1024
TRACER_TARGET = 0.90
_STOCK = "scikit-learn pipeline"
TracerCosts = Mapping[str, Mapping[int, Sequence[float]]]
"""µs of CPU a row in each run, by gated or plain and by size of batch."""


@dataclass(frozen=True, slots=True)
class ScoringCost:
    """µs of CPU a row at one size of batch, in each run: a policy's, and its scikit-learn counterpart's."""

    ours: list[float]
    stock: list[float]


@dataclass(frozen=True, slots=True)
class ScoringCosts:
    """Attributes:
    policy: surrogate and acceptor, in words.
    by_batch: by size of batch.
    """

    policy: str
    by_batch: Mapping[int, ScoringCost]


def measure(request: BenchRequest) -> Report:
    """Raises InvalidFile, MissingData: see `read_banking77`; or there is too little to fit on."""
    folder, runs = Path(request.folder), request.runs
    train, test = read_banking77(folder, "train"), read_banking77(folder, "test")
    mixed = np.random.default_rng(0).permutation(len(test))[:MOST_ROWS].tolist()
    rows = test.take(mixed)
    python, absence_notes = TRACER.interpreter_if_wanted(request.tracer)
    ours = {kind.name: _measure_kind(kind, train, rows, runs) for kind in chosen_kinds(request.only)}
    tracer_costs, failure_notes = none_if_it_fails(
        lambda: {} if python is None else _measure_tracer(python, train, rows, runs)
    )
    tracer = tracer_costs or {}
    figures = [each for name, costs in ours.items() for each in _figures(name, costs, tracer)]
    return report(figures, [_table(ours, tracer)], (*absence_notes, *failure_notes))


def _measure_kind(kind: FeatureKind, train: Split, rows: Split, runs: int) -> ScoringCosts:
    print_progress(f"{kind.name}: {len(train):,} traces, then {runs} runs of scoring")
    artifact = policy_of(timed_fit(kind, train))
    policy = Policy.open(artifact.manifest, artifact.graph)
    # Where its optimiser stops does not change what scoring costs.
    stock = kind.stock(train, STOCK_ITERATIONS)
    words = f"{policy.manifest.surrogate}; {policy.manifest.acceptor}"
    with threadpool_limits(1):
        return ScoringCosts(
            words, {size: _measure_batch(policy, stock, kind.rows(rows), size, runs) for size in BATCHES}
        )


def _measure_batch(policy: Policy, stock: Pipeline, rows: Features, size: int, runs: int) -> ScoringCost:
    places = range(len(rows))
    batches = [rows.take(places[begin : begin + size]) for begin in places[::size]]
    ours = partial(_row_cost, policy.score, batches)
    reference = partial(_row_cost, stock.predict_proba, [pipeline_rows(batch) for batch in batches])
    alternate(1, ours, reference)
    return ScoringCost(*alternate(runs, ours, reference))


def _row_cost(score: Callable[[Any], object], batches: Sequence[Any]) -> float:
    """Microseconds of CPU a row, over as many passes as fill the least time."""
    rows, spent, started = 0, 0.0, time.process_time()
    while rows == 0 or spent < LEAST_SECONDS:
        for batch in batches:
            score(batch)
            rows += len(batch)
        spent = time.process_time() - started
    return spent / rows * 1e6


def _measure_tracer(python: Path, train: Split, rows: Split, runs: int) -> TracerCosts:
    """Its costs, gated and plain; nothing where it deploys nothing."""
    print_progress(f"{NAME}: {len(train):,} traces, then {runs} runs of scoring")
    costs = rival.ask(python, train, {"test": rows}, (TRACER_TARGET,), runs).fits[0].costs
    if not costs:
        return {}
    return {
        f"{NAME}, {gate}": {size: costs[f"{gate}, batch {size}"] for size in BATCHES}
        for gate in ("gated", "plain")
    }


def _figures(name: str, costs: ScoringCosts, tracer: TracerCosts) -> list[Figure]:
    figures = []
    for size, cost in costs.by_batch.items():
        prefix = f"{name}, batch {size}"
        figures += [figure(prefix, cost.ours, "µs CPU/row", _STOCK, cost.stock)]
        figures += [
            figure(prefix, cost.ours, "µs CPU/row", rival, runs[size]) for rival, runs in tracer.items()
        ]
    return figures


def _table(ours: Mapping[str, ScoringCosts], tracer: TracerCosts) -> Table:
    rows = []
    for name, costs in ours.items():
        batches = costs.by_batch.values()
        rows.append((f"{name}: {costs.policy}", *(_format_median(cost.ours) for cost in batches)))
        rows.append((f"{name}: {_STOCK}", *(_format_median(cost.stock) for cost in batches)))
    rows += [(name, *(_format_median(runs[size]) for size in BATCHES)) for name, runs in tracer.items()]
    columns = ("features: policy", *(f"batch {size}" for size in BATCHES))
    return Table("Scoring on one thread, µs of CPU a row", columns, tuple(rows))


def _format_median(runs: Sequence[float]) -> str:
    return f"{statistics.median(runs):,.1f}"
