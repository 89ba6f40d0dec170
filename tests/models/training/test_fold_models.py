"""A fold starts from an earlier model only if that has not learned from what the fold holds out."""

from dataclasses import replace

import numpy as np
import pytest

from models.features import Features
from models.graph.linear import Linear
from models.surrogates import linear
from models.training import fit_stages, fold_models, folds
from models.training.fitted_stages import FittedStages
from models.training.fold_models import FoldedTraces, FoldModels, trace_keys
from models.training.options import Options
from models.training_set import TrainingSet

NAMES = ("a", "b", "c")
EARLIER, ROWS, WIDTH = folds.STABLE + 500, folds.STABLE + 1500, 6
QUICK = Options(surrogates=(), residual=False, curve=0.0)


def blobs(rows: int) -> tuple[np.ndarray, list[str]]:
    generator = np.random.default_rng(0)
    codes = generator.integers(3, size=ROWS)
    vectors = np.eye(3, WIDTH)[codes] + generator.standard_normal((ROWS, WIDTH))
    return vectors.astype(np.float32)[:rows], [NAMES[code] for code in codes[:rows]]


def learn(vectors: np.ndarray, labels: list[str], earlier: FoldModels | None = None) -> FittedStages:
    """Only few traces are sampled, so no label chooses anything."""
    sampled = np.arange(len(labels)) < 500
    training = TrainingSet(Features(embeddings=vectors), labels, sampled)
    return fit_stages.learn_stages(training, NAMES, "precomputed", (0.9,), QUICK, earlier=earlier)


def linear_logits(fitted: FittedStages) -> np.ndarray:
    (member,) = (each for each in fitted.ensemble.stages[0].members if each.kind == linear.KIND)
    return member.logits


def test_labels_that_a_fold_holds_out_leave_no_trace_in_its_start() -> None:
    """The earlier fit's labels of one fold are all wrong: that fold's scores are the same to the bit."""
    vectors, labels = blobs(ROWS)
    right = learn(vectors[:EARLIER], labels[:EARLIER])
    held_out = right.training_targets.folds == 4
    spoiled = ["a" if held else label for held, label in zip(held_out, labels, strict=False)]
    wrong = learn(vectors[:EARLIER], spoiled)
    scores = [linear_logits(learn(vectors, labels, each.fold_models)) for each in (right, wrong)]
    same = (scores[0] == scores[1]).all(axis=1)
    refitted = learn(vectors, labels).training_targets.folds
    np.testing.assert_array_equal(refitted[:EARLIER], right.training_targets.folds)
    assert same[refitted == 4].all()
    assert same[refitted != 4].mean() < 0.01, "the other folds did learn from the wrong labels"


def test_a_start_changes_the_path_and_hardly_the_scores() -> None:
    vectors, labels = blobs(ROWS)
    earlier = learn(vectors[:EARLIER], labels[:EARLIER]).fold_models
    cold, warm = (linear_logits(learn(vectors, labels, each)) for each in (None, earlier))
    assert (cold != warm).any()
    shares = [np.exp(each - np.logaddexp.reduce(each, axis=1, keepdims=True)) for each in (cold, warm)]
    assert np.abs(shares[0] - shares[1]).max() < 0.03


def earlier_models(count: int = 3, names: tuple[str, ...] = NAMES) -> FoldModels:
    keys = np.arange(100, 130, dtype=np.uint64)
    traces = FoldedTraces("encoder", names, keys, np.arange(30) % count)
    models = [
        Linear(np.full((2, len(names)), fold + 1.0, np.float32), np.ones(len(names), np.float32))
        for fold in range(count)
    ]
    made = fold_models.fold_models(traces, models)
    assert made is not None
    return made


def grown(models: FoldModels) -> FoldedTraces:
    """The same traces in the same folds, in another order, and others."""
    ours = models.traces
    keys = np.append(ours.keys[::-1], np.arange(3, dtype=np.uint64))
    return FoldedTraces(ours.encoder, ours.names, keys, np.append(ours.folds[::-1], [0, 1, 2]))


def test_all_folds_start_where_the_traces_have_grown() -> None:
    earlier = earlier_models()
    starts = earlier.starts(grown(earlier))
    assert {fold: float(start.weights[0, 0]) for fold, start in starts.items()} == {0: 1.0, 1: 2.0, 2: 3.0}


def test_a_trace_that_has_changed_its_fold_leaves_that_fold_without_a_start() -> None:
    earlier = earlier_models()
    traces = grown(earlier)
    moved = traces.folds.copy()
    assert moved[5] == 0
    moved[5] = 2
    assert set(earlier.starts(replace(traces, folds=moved))) == {0, 1}


def test_a_trace_that_has_gone_leaves_no_fold_a_start() -> None:
    """A copy of it may have come, and nobody can tell."""
    earlier = earlier_models()
    traces = grown(earlier)
    assert earlier.starts(replace(traces, keys=traces.keys[1:], folds=traces.folds[1:])) == {}


@pytest.mark.parametrize("change", [{"encoder": "another"}, {"folds": np.arange(33) % 4}])
def test_another_encoder_or_number_of_folds_starts_anew(change: dict[str, object]) -> None:
    earlier = earlier_models()
    assert earlier.starts(replace(grown(earlier), **change)) == {}  # type: ignore[arg-type]


def test_labels_are_known_by_their_names() -> None:
    earlier = earlier_models(names=("a", "c"))
    start = earlier.starts(replace(grown(earlier), names=("a", "b", "c")))[1]
    np.testing.assert_array_equal(start.weights, [[2.0, 0.0, 2.0]] * 2)
    np.testing.assert_array_equal(start.intercept, [1.0, 0.0, 1.0])


def test_models_that_are_too_large_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_models, "MOST_BYTES", 3 * 2 * 3 * 4 - 1)
    traces = FoldedTraces(None, NAMES, np.arange(3, dtype=np.uint64), np.arange(3))
    models = [Linear(np.zeros((2, 3), np.float32), np.zeros(3, np.float32))] * 3
    assert fold_models.fold_models(traces, models) is None


def test_traces_with_the_same_text_and_another_vector_are_two() -> None:
    vectors = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    keys = trace_keys(Features(["x", "x", "x"], vectors))
    assert keys[0] == keys[1] != keys[2]
