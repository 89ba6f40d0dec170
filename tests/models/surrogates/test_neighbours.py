"""Neighbours: the graph gives the sum over all kernels, also for labels of unequal size."""

import tracemalloc

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from models.featurizers import row_blocks
from models.featurizers.unit_vectors import normalise
from models.featurizers.vectors import VectorFeaturizer
from models.graph.building import FLOAT, Graph
from models.surrogates import neighbours
from models.surrogates.contract import TrainingTargets

WIDTH = 16


def targets_of(
    sizes: list[int], weights: NDArray[np.float64] | None = None
) -> tuple[VectorFeaturizer, TrainingTargets]:
    """Labels with this many traces each, around directions of their own."""
    generator = np.random.default_rng(0)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    directions = generator.standard_normal((len(sizes), WIDTH))[codes]
    vectors = (directions + 0.3 * generator.standard_normal(directions.shape)).astype(np.float32)
    held = np.arange(len(codes)) % 3
    chosen = np.zeros(len(codes), dtype=np.bool_)
    featurizer = VectorFeaturizer(vectors, codes, len(sizes), held)
    return featurizer, TrainingTargets(codes, len(sizes), held, weights, chosen, 0)


def slowly(
    featurizer: VectorFeaturizer, targets: TrainingTargets, concentration: float, rows: NDArray[np.float32]
) -> np.ndarray:
    """The sum over all traces, without blocks or small integers; for labels with few traces."""
    near = np.exp(concentration * (rows @ featurizer.matrix.T - 1.0))
    if targets.weights is not None:
        near = near * targets.weights
    return np.log(np.maximum(near @ np.eye(targets.labels)[targets.codes], neighbours.SMALLEST))


@pytest.mark.parametrize(
    "sizes",
    [[20] * 12, [20, 19, 18] * 4, [120, *[3] * 30], [100, 0, 3, 0, 50, 1]],
    ids=["even", "nearly even", "one label has most", "some have none"],
)
def test_the_graph_gives_the_sum_over_all_traces(sizes: list[int]) -> None:
    featurizer, targets = targets_of(sizes)
    found = neighbours.learn(featurizer, targets)
    generator = np.random.default_rng(1)
    rows = generator.choice(featurizer.matrix, 200) + 0.03 * generator.standard_normal((200, WIDTH))
    rows = rows.astype(np.float32)
    graph = Graph()
    graph.output("logits", FLOAT, graph.add("Identity", found.write(graph)))
    session = onnxruntime.InferenceSession(graph.serialise())
    (logits,) = session.run(["logits"], {"embedding": rows})
    expected = slowly(featurizer, targets, found.strength, rows / np.linalg.norm(rows, axis=1, keepdims=True))
    near = expected > -6.0
    assert near.any(axis=1).mean() > 0.5
    assert np.abs(logits - expected)[near].max() < 2.0, "small integers cost some of it"
    assert (logits.argmax(axis=1) == expected.argmax(axis=1))[near.any(axis=1)].all()
    assert np.isfinite(logits).all()
    alone = np.concatenate([session.run(["logits"], {"embedding": row[None]})[0] for row in rows])
    np.testing.assert_allclose(alone, logits, rtol=1e-6, atol=1e-6)


def test_small_labels_are_not_padded_to_the_largest() -> None:
    featurizer, targets = targets_of([400, *[3] * 60])
    found = neighbours.learn(featurizer, targets)
    written = found.prototypes
    assert written <= 1.2 * 400 + 60 * neighbours.BLOCK
    assert found.name.startswith(f"{min(400, neighbours.MOST_PROTOTYPES // 61) + 180:,} neighbours")


@pytest.mark.parametrize("weighted", [False, True])
def test_the_means_found_in_cosines_are_those_found_in_vectors(
    monkeypatch: pytest.MonkeyPatch, weighted: bool
) -> None:
    """Some labels have too many traces to keep all; one of them has copies, so that a mean stays empty."""
    monkeypatch.setattr(neighbours, "MOST_PROTOTYPES", 24)
    weights = np.random.default_rng(3).uniform(0.0, 2.0, 55) if weighted else None
    featurizer, targets = targets_of([16, 5, 14, 14, 2, 4], weights)
    copied = featurizer.matrix.copy()
    copied[21:33] = copied[21]
    featurizer = VectorFeaturizer(copied, targets.codes, targets.labels, targets.folds)
    by_cosines = neighbours.learn(featurizer, targets)
    monkeypatch.setattr(neighbours, "MOST_PAIRED", 0)
    by_vectors = neighbours.learn(featurizer, targets)
    np.testing.assert_allclose(by_cosines.logits, by_vectors.logits, atol=0.02)
    assert by_cosines.name == by_vectors.name


def test_traces_without_weight_do_not_count() -> None:
    sizes = [30] * 6
    weights = np.ones(180)
    weights[:30] = 0.0
    featurizer, targets = targets_of(sizes, weights)
    found = neighbours.learn(featurizer, targets)
    said = found.predict(featurizer.matrix)
    assert np.isfinite(said).all()
    np.testing.assert_allclose(said[:, 0], np.log(neighbours.SMALLEST), rtol=1e-6)
    assert (said[30:].argmax(axis=1) == targets.codes[30:]).all()


def test_a_trace_of_weight_three_counts_as_three_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_PROTOTYPES", 2)
    monkeypatch.setattr(neighbours, "CONCENTRATIONS", (20.0, 20.0))
    rows = normalise(np.random.default_rng(0).standard_normal((60, WIDTH), dtype=np.float32))
    weights = np.where(np.arange(60) < 20, 3.0, 1.0)
    again = np.repeat(np.arange(60), weights.astype(int))
    found = []
    for vectors, counts in ((rows, weights), (rows[again], None)):
        codes, held = np.arange(len(vectors)) * 0, np.zeros(len(vectors), dtype=np.int64)
        codes[-1] = 1
        targets = TrainingTargets(codes, 2, held, counts, codes > 1, 0)
        found.append(neighbours.learn(VectorFeaturizer(vectors, codes, 2, held, counts), targets))
    np.testing.assert_allclose(found[0].predict(rows), found[1].predict(rows), atol=0.05)


def test_memory_does_not_grow_with_rows_times_prototypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_blocks, "BLOCK_NUMBERS", 1 << 20)
    featurizer, targets = targets_of([15_000, 15_000])
    tracemalloc.start()
    try:
        neighbours.learn(featurizer, targets)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6, "15,000 rows beside 2,048 prototypes are 123 MB, for each thread"
