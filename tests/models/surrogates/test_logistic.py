"""The logistic regression finds the right minimum at the right strength."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models.surrogates import fold_fits, logistic
from models.surrogates.contract import TrainingTargets
from models.surrogates.fit_threads import fit_threads
from models.training import folds


def blobs(rows: int, seed: int = 0) -> tuple[np.ndarray, TrainingTargets]:
    generator = np.random.default_rng(seed)
    codes = generator.integers(4, size=rows)
    matrix = np.eye(4, 12)[codes] + generator.standard_normal((rows, 12)) * 0.6
    everyone = np.ones(rows, dtype=np.bool_)
    return matrix.astype(np.float32), TrainingTargets(
        codes, 4, folds.assign_folds(np.arange(len(codes)), 0), None, everyone, 0
    )


def fitted(matrix: np.ndarray, targets: TrainingTargets, strength: float | None = None) -> logistic.OutOfFold:
    with fit_threads() as threads:
        return logistic.out_of_fold(matrix, matrix, targets, threads, strength)


def test_a_fold_model_equals_that_of_scikit_learn() -> None:
    matrix, targets = blobs(600)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 600)
    held = np.arange(600) % 3
    with fit_threads() as threads:
        found = logistic.out_of_fold(
            matrix, matrix, replace(targets, weights=weights, folds=held), threads, strength=4.0
        )
    mine = found.models[0].logits(matrix)
    kept = held != 0
    scaled = weights[kept] / weights.mean()
    reference = LogisticRegression(C=4.0, tol=1e-8, max_iter=2000).fit(
        matrix[kept], targets.codes[kept], scaled
    )
    theirs = reference.predict_log_proba(matrix)
    ours = mine - np.logaddexp.reduce(mine, axis=1, keepdims=True)
    assert np.abs(np.exp(ours) - np.exp(theirs)).max() < 0.02


@pytest.mark.parametrize("strength", [4.0, None])
def test_labels_that_a_fold_holds_out_change_no_bit_of_its_model(strength: float | None) -> None:
    """Though it shares products with folds that learn from them, and these end earlier or later then."""
    matrix, targets = blobs(120)
    held = np.arange(120) % 9
    weights = np.random.default_rng(1).uniform(0.0, 2.0, 120).clip(0.5) - 0.5
    none = replace(targets, folds=held, weights=weights, selection_rows=np.zeros(120, dtype=np.bool_))
    right = fitted(matrix, none, strength)
    for fold in range(9):
        codes = np.where(held == fold, 0, targets.codes)
        wrong = fitted(matrix, replace(none, codes=codes), strength)
        same = (wrong.logits == right.logits).all(axis=1)
        assert same[held == fold].all()
        assert same[held != fold].mean() < 0.05, "the other folds did learn from the wrong labels"


def test_fits_by_themselves_or_side_by_side_end_at_the_same_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, targets = blobs(600)
    usual = fitted(matrix, targets, strength=4.0)
    monkeypatch.setattr(fold_fits, "TOGETHER_NUMBERS", 1)
    np.testing.assert_allclose(fitted(matrix, targets, strength=4.0).logits, usual.logits, atol=0.05)


def test_no_model_scores_what_it_learned_from() -> None:
    """With labels by chance, out-of-fold agreement is that of guessing; in-sample it would be far above."""
    generator = np.random.default_rng(0)
    matrix = generator.standard_normal((400, 200)).astype(np.float32)
    codes = generator.integers(2, size=400)
    targets = TrainingTargets(
        codes, 2, folds.assign_folds(np.arange(len(codes)), 0), None, np.zeros(400, dtype=np.bool_), 0
    )
    found = fitted(matrix, targets)
    assert abs((found.logits.argmax(axis=1) == codes).mean() - 0.5) < 0.1
    assert (found.model.logits(matrix).argmax(axis=1) == codes).mean() > 0.7


def test_the_chosen_strength_beats_its_neighbours() -> None:
    matrix, targets = blobs(900)
    chosen = fitted(matrix, targets)
    for factor in (1 / logistic.STEP, logistic.STEP):
        other = fitted(matrix, targets, strength=chosen.strength * factor)
        assert chosen.log_loss < other.log_loss + 0.01


def test_the_usual_strength_needs_no_selection_traces() -> None:
    matrix, targets = blobs(900)
    none = replace(targets, selection_rows=np.zeros(900, dtype=np.bool_))
    assert fitted(matrix, none).strength == logistic.usual_strength(900)


def test_only_selection_traces_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    """All losses but the last, which is reported, are of held-out selection traces."""
    matrix, targets = blobs(900)
    few = replace(targets, selection_rows=np.arange(900) < 300)
    scored: list[np.ndarray] = []
    log_loss = logistic.log_loss

    def recorded(logits: np.ndarray, codes: np.ndarray) -> float:
        scored.append(codes)
        return log_loss(logits, codes)

    monkeypatch.setattr(logistic, "log_loss", recorded)
    fitted(matrix, few)
    some_folds = range((int(few.folds.max()) + 1) // logistic.SELECTION_SHARE)
    judged = [few.codes[(few.folds == fold) & few.selection_rows] for fold in some_folds]
    assert len(scored) > 2
    for codes in scored[:-1]:
        np.testing.assert_array_equal(codes, np.concatenate(judged))


def test_the_usual_strength_rises_with_fewer_traces() -> None:
    found = [logistic.usual_strength(rows) for rows in (100_000, 10_000, 1500, 500, 50)]
    assert found == sorted(found)
    assert found[1:4] == [64.0, 256.0, 1024.0]
    assert set(np.log(found) / np.log(logistic.STEP) % 1) == {0.0}
