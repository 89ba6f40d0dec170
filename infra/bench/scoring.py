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

from infra.bench.banking import Split, read
from infra.bench.kinds import Kind, chosen_kinds
from infra.bench.progress import print_progress
from infra.bench.report import Figure, Report, alternating, figure, report
from infra.bench.request import BenchRequest
from infra.bench.stock import pipeline_rows
from infra.bench.tables import Table
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, none_if_it_fails, tracer_if_wanted
from infra.bench.trial import policy_of, timed_fit
from models.features import Features
from models.policy import Policy

BATCHES = (1, 32, 256)
STOCK_ITERATIONS = 5
LEAST_SECONDS = 0.2
MOST_ROWS = 1024
TRACER_TARGET = 0.90
_STOCK = "scikit-learn pipeline"


@dataclass(frozen=True, slots=True)
class ScoringCost:
    """µs of CPU a row at one size of batch, in each run: a policy's, and its scikit-learn counterpart's."""

    ours: list[float]
    stock: list[float]


@dataclass(frozen=True, slots=True)
class ScoringCosts:
    """Attributes:
    made: surrogate and acceptor, in words.
    at: by size of batch.
    """

    made: str
    at: Mapping[int, ScoringCost]


def measure(order: BenchRequest) -> Report:
    """Raises InvalidFile, MissingData: see `infra.bench.banking.read`; or there is too little to fit on."""
    train, test = read(Path(order.folder), "train"), read(Path(order.folder), "test")
    mixed = np.random.default_rng(0).permutation(len(test))[:MOST_ROWS].tolist()
    asked = test.take(mixed)
    python, absent = tracer_if_wanted(order.tracer)
    found = {kind.name: _of(kind, train, asked, order.runs) for kind in chosen_kinds(order.only)}
    costs_of_theirs, failed = none_if_it_fails(
        lambda: {} if python is None else _of_tracer(python, train, asked, order.runs)
    )
    theirs = costs_of_theirs or {}
    figures = [each for name, costs in found.items() for each in _figures(name, costs, theirs)]
    return report(figures, [_table(found, theirs)], (*absent, *failed))


def _of(kind: Kind, train: Split, asked: Split, runs: int) -> ScoringCosts:
    print_progress(f"{kind.name}: {len(train):,} traces, then {runs} runs of scoring")
    artifact = policy_of(timed_fit(kind, train))
    policy = Policy.open(artifact.manifest, artifact.graph)
    # Where its optimiser stops does not change what scoring costs.
    stock = kind.stock(train, STOCK_ITERATIONS)
    made = f"{policy.manifest.surrogate}; {policy.manifest.acceptor}"
    with threadpool_limits(1):
        return ScoringCosts(
            made, {size: _at(policy, stock, kind.rows(asked), size, runs) for size in BATCHES}
        )


def _at(policy: Policy, stock: Pipeline, rows: Features, size: int, runs: int) -> ScoringCost:
    places = range(len(rows))
    batches = [rows.take(places[begin : begin + size]) for begin in places[::size]]
    ours = partial(_cost, policy.score, batches)
    theirs = partial(_cost, stock.predict_proba, [pipeline_rows(batch) for batch in batches])
    alternating(1, ours, theirs)
    return ScoringCost(*alternating(runs, ours, theirs))


def _cost(score: Callable[[Any], object], batches: Sequence[Any]) -> float:
    """Microseconds of CPU a row, over as many passes as fill the least time."""
    rows, spent, started = 0, 0.0, time.process_time()
    while rows == 0 or spent < LEAST_SECONDS:
        for batch in batches:
            score(batch)
            rows += len(batch)
        spent = time.process_time() - started
    return spent / rows * 1e6


def _of_tracer(python: Path, train: Split, asked: Split, runs: int) -> dict[str, dict[int, list[float]]]:
    """Its costs, gated and plain; nothing where it deploys nothing."""
    print_progress(f"{NAME}: {len(train):,} traces, then {runs} runs of scoring")
    costs = rival.ask(python, train, {"test": asked}, (TRACER_TARGET,), runs).fits[0].costs
    if not costs:
        return {}
    return {
        f"{NAME}, {gate}": {size: costs[f"{gate}, batch {size}"] for size in BATCHES}
        for gate in ("gated", "plain")
    }


def _figures(
    name: str, costs: ScoringCosts, theirs: Mapping[str, Mapping[int, Sequence[float]]]
) -> list[Figure]:
    found = []
    for size, cost in costs.at.items():
        at = f"{name}, batch {size}"
        found += [figure(at, cost.ours, "µs CPU/row", _STOCK, cost.stock)]
        found += [figure(at, cost.ours, "µs CPU/row", rival, runs[size]) for rival, runs in theirs.items()]
    return found


def _table(found: Mapping[str, ScoringCosts], theirs: Mapping[str, Mapping[int, Sequence[float]]]) -> Table:
    rows = []
    for name, costs in found.items():
        rows.append((f"{name}: {costs.made}", *(_told(cost.ours) for cost in costs.at.values())))
        rows.append((f"{name}: {_STOCK}", *(_told(cost.stock) for cost in costs.at.values())))
    rows += [(name, *(_told(runs[size]) for size in BATCHES)) for name, runs in theirs.items()]
    columns = ("µs of CPU a row", *(f"batch {size}" for size in BATCHES))
    return Table("Scoring on one thread", columns, tuple(rows))


def _told(runs: Sequence[float]) -> str:
    return f"{statistics.median(runs):,.1f}"
