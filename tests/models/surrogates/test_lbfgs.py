"""L-BFGS in float32: its gradient is that of its loss, and it ends at the minimum from anywhere."""

import numpy as np
import pytest
from scipy.optimize import minimize

from models.surrogates import lbfgs
from models.surrogates.lbfgs import SoftmaxLoss, minimise

ROWS, WIDTH, LABELS = 300, 6, 4


def loss_of(seed: int = 0) -> SoftmaxLoss:
    generator = np.random.default_rng(seed)
    codes = generator.integers(LABELS, size=ROWS)
    matrix = (np.eye(LABELS, WIDTH)[codes] + generator.standard_normal((ROWS, WIDTH))).astype(np.float32)
    return SoftmaxLoss(
        (matrix[:100], matrix[100:]),
        codes,
        generator.uniform(0.5, 1.5, ROWS).astype(np.float32),
        generator.uniform(0.5, 2.0, (WIDTH, 1)).astype(np.float32),
        np.append(np.full(WIDTH - 1, 0.05), 0.0).astype(np.float32)[:, None],
        LABELS,
    )


def value_and_gradient(loss: SoftmaxLoss, model: np.ndarray) -> tuple[float, np.ndarray]:
    """By the definition, in float64."""
    matrix, every = np.concatenate(loss.blocks).astype(np.float64), np.arange(ROWS)
    logits = matrix @ (loss.scale * model)
    log_share = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    value = -float(loss.weights @ log_share[every, loss.codes]) / ROWS + 0.5 * float(
        (loss.penalty * model**2).sum()
    )
    excess = np.exp(log_share) * loss.weights[:, None]
    excess[every, loss.codes] -= loss.weights
    return value, loss.scale * (matrix.T @ excess) / ROWS + loss.penalty * model


@pytest.mark.parametrize("cached", [lbfgs.CACHED, 7 * LABELS])
def test_loss_and_gradient_are_those_of_the_definition(monkeypatch: pytest.MonkeyPatch, cached: int) -> None:
    """Also where only some rows at once stay in the cache."""
    monkeypatch.setattr(lbfgs, "CACHED", cached)
    loss = loss_of()
    model = np.random.default_rng(1).standard_normal((WIDTH, LABELS)).astype(np.float32)
    value, gradient = value_and_gradient(loss, model)
    excess = np.empty((ROWS, LABELS), dtype=np.float32)
    found = loss.of_logits(loss.logits(model), excess) + 0.5 * loss.penalty_of(model, model)
    assert found == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(loss.gradient(excess, model), gradient, atol=1e-5)


@pytest.mark.parametrize("size", [0.0, 1.0, 30.0])
def test_it_ends_at_the_minimum_from_anywhere(size: float) -> None:
    loss = loss_of()
    start = (size * np.random.default_rng(2).standard_normal((WIDTH, LABELS))).astype(np.float32)
    found, _ = value_and_gradient(loss, minimise(loss, start, None, 1e-7))
    shape = (WIDTH, LABELS)

    def flat(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_gradient(loss, point.reshape(shape))
        return value, gradient.ravel()

    best = minimize(flat, np.zeros(WIDTH * LABELS), jac=True).fun
    assert best - 1e-6 < found < best + 1e-4


def test_it_stays_at_the_minimum() -> None:
    loss = loss_of()
    best = minimise(loss, np.zeros((WIDTH, LABELS), dtype=np.float32), None, 1e-7)
    np.testing.assert_allclose(minimise(loss, best, None, 1e-4), best, atol=0.05)


def test_given_logits_are_not_computed_again() -> None:
    loss = loss_of()
    model = np.random.default_rng(3).standard_normal((WIDTH, LABELS)).astype(np.float32)
    np.testing.assert_array_equal(
        minimise(loss, model, loss.logits(model), 1e-4), minimise(loss, model, None, 1e-4)
    )
