"""A trainer of many tasks keeps what the next fits of the last ones take over, in bounded memory."""

import pickle

import numpy as np

from models.featurizers.ngrams import encode, windows
from models.featurizers.text_basis import TextBasis
from models.featurizers.vocabulary import learn_vocabulary
from models.graph.linear import Linear
from models.training.fold_models import FoldedTraces, FoldModels, LearnedBasis
from streams.trainer.kept_fold_models import KeptFoldModels


def models(floats: int = 100, basis: LearnedBasis | None = None) -> FoldModels:
    traces = FoldedTraces(None, ("a",), np.zeros(0, np.uint64), np.zeros(0, np.int64))
    model = Linear(np.zeros((floats, 1), np.float32), np.zeros(0, np.float32))
    return FoldModels(traces, (model,), basis)


def test_a_task_takes_what_its_last_fit_has_left_once() -> None:
    kept, first, last = KeptFoldModels(), models(), models()
    kept.keep("t", first)
    kept.keep("t", last)
    assert kept.take("t") is last
    assert kept.take("t") is None


def test_the_tasks_fitted_first_are_dropped_where_all_are_too_large() -> None:
    kept = KeptFoldModels(most_bytes=900)
    for task in ("a", "b", "a", "c"):
        kept.keep(task, models())
    assert [kept.take(task) is not None for task in "abc"] == [True, False, True]
    kept.keep("d", models(1_000))
    assert kept.take("d") is None


def test_the_size_is_what_it_takes_in_memory() -> None:
    texts = [f"where is my parcel {number % 7}" for number in range(50)]
    vocabulary = learn_vocabulary(windows(encode(texts)), np.arange(50))
    basis = LearnedBasis(TextBasis(vocabulary, np.zeros((30, 30), np.float32)), np.zeros(50, np.uint64))
    whole = models(5_000, basis)
    assert 0.99 * len(pickle.dumps(whole)) < whole.size < len(pickle.dumps(whole))
