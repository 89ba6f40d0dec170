"""fastText learns from the rows of its folds alone, by Adam."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest
from scipy import sparse

from models.featurizers.text import TextFeaturizer
from models.surrogates import fasttext
from models.surrogates.contract import TrainingTargets
from models.surrogates.fit_threads import fit_threads

ROWS, TERMS, LABELS, FOLDS = 300, 900, 3, 5
SCHEDULE = fasttext.Schedule(models=3, batch=64)


@dataclass(frozen=True)
class GivenTerms:
    """A featurizer of these terms; rows are scored by others."""

    learned: sparse.csr_matrix
    scored: sparse.csr_matrix

    def terms(self) -> sparse.csr_matrix:
        return self.learned

    def held_out_terms(self) -> sparse.csr_matrix:
        return self.scored


def drawn_terms(seed: int) -> sparse.csr_matrix:
    return sparse.random(ROWS, TERMS, 0.03, format="csr", dtype=np.float32, random_state=seed)


def fitted(learned: sparse.csr_matrix, targets: TrainingTargets) -> fasttext.FastTextFits:
    featurizer = cast("TextFeaturizer", GivenTerms(learned, drawn_terms(0)))
    with fit_threads() as threads:
        return fasttext.out_of_fold(featurizer, targets, threads, SCHEDULE)


def test_what_a_group_of_folds_holds_out_changes_no_bit_of_its_scores() -> None:
    """Neither its texts nor its labels; a row without a weight teaches nobody."""
    generator = np.random.default_rng(1)
    codes, folds = generator.integers(LABELS, size=ROWS), np.arange(ROWS) % FOLDS
    weights = generator.uniform(0.5, 2.0, ROWS) * (generator.random(ROWS) < 0.8)
    targets = TrainingTargets(codes, LABELS, folds, weights, np.zeros(ROWS, dtype=np.bool_), 0)
    right = fitted(drawn_terms(0), targets)
    group = folds % SCHEDULE.models
    for each in range(SCHEDULE.models):
        spoiled = (group == each) | (weights == 0)
        terms = drawn_terms(0).tolil()
        terms[np.flatnonzero(spoiled)] = drawn_terms(2)[np.flatnonzero(spoiled)]
        wrong = fitted(terms.tocsr(), replace(targets, codes=np.where(spoiled, 0, codes)))
        same = (wrong.logits == right.logits).all(axis=1)
        assert same[group == each].all()
        assert same[group != each].mean() < 0.05, "the other groups did learn from the wrong rows"


@pytest.mark.parametrize("at_once", [fasttext.MOVED_AT_ONCE, 3])
def test_chosen_rows_move_as_adam_moves_them(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """Also where only some rows are moved at once; the others stay where they are."""
    monkeypatch.setattr(fasttext, "MOVED_AT_ONCE", at_once)
    generator = np.random.default_rng(3)
    values = generator.standard_normal((10, 4)).astype(np.float32)
    expected, mean, square = values.astype(np.float64), np.zeros((10, 4)), np.zeros((10, 4))
    adam = fasttext._Adam(values)
    for step in range(1, 30):
        rows = np.flatnonzero(generator.random(10) < 0.8)
        gradient = generator.standard_normal((len(rows), 4)).astype(np.float32)
        mean[rows] = 0.9 * mean[rows] + 0.1 * gradient
        square[rows] = 0.999 * square[rows] + 0.001 * gradient.astype(np.float64) ** 2
        unbiased = mean[rows] / (1 - 0.9**step), square[rows] / (1 - 0.999**step)
        expected[rows] -= 0.01 * unbiased[0] / (np.sqrt(unbiased[1]) + fasttext.SMALLEST)
        adam.move(rows, gradient, 0.01, step)
    np.testing.assert_allclose(adam.values, expected, atol=1e-4)
