"""`bench policy`: what a row costs to score, in µs of CPU on one thread, at batches of 1, 32 and 256.

A policy's row costs label, calibrated score and novelty, from Python text or vector to numpy; the reference's
costs `predict_proba`, from the same. CPU time, because a busy machine adds to the clock and not to it.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from infra.bench.banking import Split, read
from infra.bench.figures import Figure, Report, alternating, figure, report
from infra.bench.kinds import Kind, chosen
from infra.bench.order import Order
from infra.bench.trial import fitted, policy_of
from models.features import Features
from models.policy import Policy

BATCHES = (1, 32, 256)
STOCK_ITERATIONS = 5
LEAST_SECONDS = 0.2
MOST_ROWS = 1024


def measure(order: Order) -> Report:
    """Raises InvalidFile, MissingData: see `infra.bench.banking.read`; or there is too little to fit on."""
    train, test = read(Path(order.folder), "train"), read(Path(order.folder), "test")
    return report([found for kind in chosen(order.only) for found in _of(kind, train, test, order.runs)])


def _of(kind: Kind, train: Split, test: Split, runs: int) -> list[Figure]:
    artifact = policy_of(fitted(kind, train))
    policy = Policy.open(artifact.manifest, artifact.graph)
    # Where its optimiser stops does not change what scoring costs.
    stock = kind.stock(train, STOCK_ITERATIONS)
    mixed = np.random.default_rng(0).permutation(len(test.labels))[:MOST_ROWS]
    rows = kind.rows(test).take(mixed)
    with threadpool_limits(1):
        return [_at(kind, policy, stock, rows, size, runs) for size in BATCHES]


def _at(kind: Kind, policy: Policy, stock: Pipeline, rows: Features, size: int, runs: int) -> Figure:
    places = range(len(rows))
    batches = [rows.take(places[begin : begin + size]) for begin in places[::size]]
    ours = partial(_cost, policy.score, batches)
    theirs = partial(_cost, stock.predict_proba, [_plain(batch) for batch in batches])
    alternating(1, ours, theirs)
    costs, references = alternating(runs, ours, theirs)
    return figure(f"{kind.name}, batch {size}", costs, "µs CPU/row", "scikit-learn pipeline", references)


def _plain(batch: Features) -> Any:
    """As scikit-learn takes it."""
    return batch.embeddings if batch.texts is None else list(batch.texts)


def _cost(score: Callable[[Any], object], batches: Sequence[Any]) -> float:
    """Microseconds of CPU a row, over as many passes as fill the least time."""
    rows, spent, started = 0, 0.0, time.process_time()
    while rows == 0 or spent < LEAST_SECONDS:
        for batch in batches:
            score(batch)
            rows += len(batch)
        spent = time.process_time() - started
    return spent / rows * 1e6
