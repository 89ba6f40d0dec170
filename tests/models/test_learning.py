"""The regression finds the minimum that it should, and calibration tells probabilities."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from models import acceptor, folds, logistic


def blobs(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    codes = generator.integers(4, size=rows)
    design = np.eye(4, 12)[codes] + generator.standard_normal((rows, 12)) * 0.6
    return design.astype(np.float32), codes


def test_a_fold_model_is_the_minimum_that_scikit_learn_finds() -> None:
    design, codes = blobs(600)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 600)
    held = np.arange(600) % 3
    problem = logistic._problem(design, codes, 4, weights)
    mine = problem.design @ logistic._fold(problem, held, 4.0, 0, None)
    kept = held != 0
    scaled = weights[kept] / weights.mean()
    reference = LogisticRegression(C=4.0, tol=1e-8, max_iter=2000).fit(design[kept], codes[kept], scaled)
    theirs = reference.predict_log_proba(design)
    ours = mine - np.logaddexp.reduce(mine, axis=1, keepdims=True)
    assert np.abs(np.exp(ours) - np.exp(theirs)).max() < 0.02


def test_no_row_is_scored_by_a_model_that_learned_from_it() -> None:
    """With labels by chance, out-of-fold agreement is that of guessing; in-sample it would be far above."""
    generator = np.random.default_rng(0)
    design = generator.standard_normal((400, 200)).astype(np.float32)
    codes = generator.integers(2, size=400)
    found = logistic.out_of_fold(design, codes, 2, folds.assign(codes, 0))
    assert abs((found.logits.argmax(axis=1) == codes).mean() - 0.5) < 0.1
    assert (found.model.logits(design).argmax(axis=1) == codes).mean() > 0.7


def test_the_chosen_strength_is_no_worse_than_its_neighbours() -> None:
    design, codes = blobs(900)
    held = folds.assign(codes, 0)
    losses = {
        start: logistic.out_of_fold(design, codes, 4, held, strength=start).log_loss
        for start in (0.25, 64.0, 1024.0)
    }
    assert max(losses.values()) - min(losses.values()) < 0.01


def test_folds_spread_every_label_evenly() -> None:
    codes = np.repeat(np.arange(5), 40)
    fold = folds.assign(codes, 3)
    counts = np.array([[np.sum((codes == code) & (fold == f)) for f in range(20)] for code in range(5)])
    assert (counts == 2).all()


def test_scores_are_probabilities_and_rise_with_certainty() -> None:
    generator = np.random.default_rng(0)
    logits = (generator.standard_normal((6000, 5)) * 3).astype(np.float32)
    share = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    codes = (share.cumsum(axis=1) > generator.random((6000, 1))).argmax(axis=1)
    agrees = logits.argmax(axis=1) == codes
    fitted = acceptor.fit(logits[:3000], agrees[:3000], codes[:3000])
    scores = fitted.scores(logits[3000:])
    for low in np.arange(0.3, 0.9, 0.2):
        inside = (scores >= low) & (scores < low + 0.2)
        assert abs(scores[inside].mean() - agrees[3000:][inside].mean()) < 0.06
    top = np.exp(logits[3000:] / fitted.temperature)
    certain = (top.max(axis=1) / top.sum(axis=1))[np.argsort(scores)]
    assert (np.diff(certain) > -1e-4).all()


def test_calibration_survives_a_sample_without_disagreement() -> None:
    logits = np.array([[5.0, 0.0], [0.0, 4.0], [3.0, 0.0]], dtype=np.float32)
    scores = acceptor.fit(logits, np.ones(3, dtype=np.bool_), np.array([0, 1, 0])).scores(logits)
    assert ((scores > 0.5) & (scores <= 1.0)).all()
