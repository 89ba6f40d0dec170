"""A fold starts from an earlier model only if that has not learned from what the fold holds out."""

import string
from dataclasses import replace

import numpy as np
import pytest

from models.features import Features
from models.featurizers.text_basis import TextBasis
from models.featurizers.vocabulary import Vocabulary
from models.graph.linear import Linear
from models.surrogates import fasttext, linear
from models.training import fit_stages, fold_models, folds, label_names
from models.training.fitted_stages import FittedStages
from models.training.fold_models import FoldedTraces, FoldModels, LearnedBasis, trace_keys
from models.training.options import Options
from models.training_set import TrainingSet

NAMES = ("a", "b", "c")
EARLIER, ROWS, WIDTH = 800, 1_000, 6
QUICK = Options(surrogates=(), residual=False, curve=0.0)
KINDS = ("text", "precomputed")


@pytest.fixture(autouse=True)
def small_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stable folds with few traces, no rows of label names, and short fits of fastText."""
    monkeypatch.setattr(folds, "STABLE", 600)
    monkeypatch.setattr(label_names, "ENOUGH_TRACES", 0)
    monkeypatch.setattr(fasttext, "EPOCHS", (1, 1))


def drawn_codes() -> np.ndarray:
    return np.random.default_rng(0).integers(3, size=ROWS)


def drawn_features(kind: str) -> Features:
    """Vectors around each label's own direction, or texts of which three words in five are of the label."""
    generator = np.random.default_rng(1)
    codes = drawn_codes()
    if kind == "precomputed":
        vectors = np.eye(3, WIDTH)[codes] + generator.standard_normal((ROWS, WIDTH))
        return Features(embeddings=vectors.astype(np.float32))
    letters = np.array(list(string.ascii_lowercase))
    words = ["".join(generator.choice(letters, 6)) for _ in range(150)]
    own = generator.random((ROWS, 8)) < 0.6
    places = np.where(own, 50 * codes[:, None], 0) + generator.integers(np.where(own, 50, 150))
    return Features(texts=[" ".join(words[place] for place in row) for row in places.tolist()])


def drawn_labels() -> list[str]:
    return [NAMES[code] for code in drawn_codes()]


def learn(kind: str, rows: int, labels: list[str], earlier: FoldModels | None = None) -> FittedStages:
    """A fit of the first rows. Only few traces are sampled, so no label chooses anything."""
    features = drawn_features(kind).take(range(rows))
    training = TrainingSet(features, labels[:rows], np.arange(rows) < 500)
    return fit_stages.learn_stages(training, NAMES, kind, (0.9,), QUICK, earlier=earlier)


def linear_logits(fitted: FittedStages) -> np.ndarray:
    (member,) = (each for each in fitted.ensemble.stages[0].members if each.kind == linear.KIND)
    return member.logits


@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_a_fold_holds_out_leave_no_trace_in_its_start(kind: str) -> None:
    """The earlier fit's labels of one fold are all wrong: that fold's scores are the same to the bit."""
    labels = drawn_labels()
    right = learn(kind, EARLIER, labels)
    held_out = right.training_targets.folds == 4
    spoiled = ["a" if held else label for held, label in zip(held_out, labels, strict=False)]
    wrong = learn(kind, EARLIER, spoiled)
    scores = [linear_logits(learn(kind, ROWS, labels, each.fold_models)) for each in (right, wrong)]
    same = (scores[0] == scores[1]).all(axis=1)
    refitted = learn(kind, ROWS, labels).training_targets.folds
    np.testing.assert_array_equal(refitted[:EARLIER], right.training_targets.folds)
    assert held_out.any()
    assert same[refitted == 4].all()
    if kind == "text":
        assert same.all(), (
            "only the texts are read by what an earlier fit has learned, and no label is in that"
        )
    else:
        assert same[refitted != 4].mean() < 0.05, "the other folds did learn from the wrong labels"


def test_a_start_changes_the_path_and_hardly_the_scores() -> None:
    labels = drawn_labels()
    earlier = learn("precomputed", EARLIER, labels).fold_models
    cold, warm = (linear_logits(learn("precomputed", ROWS, labels, each)) for each in (None, earlier))
    assert (cold != warm).any()
    shares = [np.exp(each - np.logaddexp.reduce(each, axis=1, keepdims=True)) for each in (cold, warm)]
    assert np.abs(shares[0] - shares[1]).max() < 0.03


def test_a_refit_reads_texts_by_the_basis_of_the_fit_before_until_it_is_outgrown() -> None:
    labels = drawn_labels()
    first = learn("text", 640, labels).fold_models
    second = learn("text", EARLIER, labels, first).fold_models
    third = learn("text", ROWS, labels, second).fold_models
    assert first is not None
    assert second is not None
    assert third is not None
    assert second.basis is first.basis
    assert third.basis is not first.basis, f"{ROWS} traces are more than {fold_models.OUTGROWN} times 640"


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


def test_a_basis_finds_its_texts_by_their_keys() -> None:
    """It was learned from the last twenty traces of a fit."""
    earlier = earlier_models()
    nothing = np.zeros(2, dtype=np.int64)
    vocabulary = Vocabulary(np.zeros(1, dtype=np.int32), nothing, nothing, nothing, nothing, 20)
    learned = LearnedBasis(TextBasis(vocabulary, np.eye(2, dtype=np.float32)), earlier.traces.keys[10:])
    earlier = replace(earlier, basis=learned)
    traces = grown(earlier)
    assert len(traces.keys) > fold_models.OUTGROWN * 20
    assert earlier.basis_of(traces) is None, "it is outgrown"
    fewer = replace(traces, keys=traces.keys[:30], folds=traces.folds[:30])
    basis = earlier.basis_of(fewer)
    assert basis is not None
    np.testing.assert_array_equal(fewer.keys[basis.rows], learned.keys)
    gone = replace(fewer, keys=fewer.keys[:29], folds=fewer.folds[:29])
    assert earlier.basis_of(gone) is None, "what has gone may be a text that was forgotten"
