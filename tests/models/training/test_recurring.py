"""Recurring texts: a later copy is scored by models that know the first, a first one by models that don't."""

import numpy as np
import pytest

from models.features import Features
from models.fit import FitResult, Options, fit
from models.training import folds
from models.training.contents import later_copies
from models.training_set import TrainingSet

CONTENTS, COPIES = 300, 4
CONTENT = np.tile(np.arange(CONTENTS), COPIES)
FIRST = np.arange(CONTENTS * COPIES) < CONTENTS


def fitted(recurring: bool) -> FitResult:
    """Vectors whose labels are drawn by chance: only who has seen a vector knows its label."""
    generator = np.random.default_rng(0)
    labels = generator.choice(np.array(["a", "b", "c", "d"]), CONTENTS)[CONTENT].tolist()
    vectors = generator.standard_normal((CONTENTS, 400)).astype(np.float32)[CONTENT]
    training = TrainingSet(Features(embeddings=vectors), labels, np.ones(len(CONTENT), dtype=np.bool_))
    options = Options(surrogates=(), curve=0.0, residual=False, recurring=recurring)
    return fit(training, task="t", version="v", embedder="precomputed", targets=(0.9,), options=options)


def test_a_text_that_was_seen_before_is_known_only_if_texts_recur() -> None:
    study = fitted(recurring=True).study
    assert study is not None
    assert study.gate_rows.all()
    assert study.agrees[~FIRST].mean() > 0.95
    assert study.agrees[FIRST].mean() < 0.4


def test_a_text_counts_once_unless_texts_recur() -> None:
    result = fitted(recurring=False)
    assert result.study is not None
    assert result.study.gate_rows.sum() == CONTENTS
    assert result.study.agrees.mean() < 0.4
    assert result.summary.repeated == pytest.approx(1 - 1 / COPIES)
    assert "1,200 sampled traces hold 300 different contents, each counted once" in " ".join(result.refused)


def test_a_later_copy_is_never_held_out_with_the_first() -> None:
    held_out = folds.assign_folds(CONTENT, 0)
    later = later_copies(CONTENT)
    np.testing.assert_array_equal(later, ~FIRST)
    moved = folds.moved_on(held_out, later)
    np.testing.assert_array_equal(moved[FIRST], held_out[FIRST])
    assert (moved[~FIRST] != np.tile(held_out[FIRST], COPIES - 1)).all()
    assert set(moved) == set(held_out)


def test_copies_have_keys_of_their_own() -> None:
    contents = np.array([0, 1, 0, 2, 0])
    keys = folds.keys_of_copies(np.array([0.2, 0.5, 0.2, 0.7, 0.2]), contents)
    assert len(set(keys)) == 5
    np.testing.assert_array_equal(keys[[0, 1, 3]], [0.2, 0.5, 0.7])
    assert ((keys >= 0) & (keys < 1)).all()
