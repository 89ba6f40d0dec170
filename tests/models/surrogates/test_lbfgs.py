"""L-BFGS in float32 ends at the minimum from anywhere, alone and side by side with other fits."""

import numpy as np
import pytest
from scipy.optimize import minimize

from models.surrogates.lbfgs import Start, minimise
from models.surrogates.softmax_loss import SoftmaxLoss
from tests.models.surrogates.losses import LABELS, WIDTH, loss_of, value_and_gradient


def begin(loss: SoftmaxLoss, model: np.ndarray, tolerance: float = 1e-7) -> Start:
    return Start(loss, model, loss.logits(model), tolerance)


def somewhere(seed: int, size: float = 1.0) -> np.ndarray:
    return (size * np.random.default_rng(seed).standard_normal((WIDTH, LABELS))).astype(np.float32)


@pytest.mark.parametrize("size", [0.0, 1.0, 30.0])
def test_it_ends_at_the_minimum_from_anywhere(size: float) -> None:
    loss = loss_of()
    (found,) = minimise([begin(loss, somewhere(2, size))])

    def flat(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_gradient(loss, point.reshape(WIDTH, LABELS))
        return value, gradient.ravel()

    best = minimize(flat, np.zeros(WIDTH * LABELS), jac=True).fun
    assert best - 1e-6 < value_and_gradient(loss, found)[0] < best + 1e-4


def test_it_stays_at_the_minimum() -> None:
    loss = loss_of()
    (best,) = minimise([begin(loss, somewhere(0, 0.0))])
    (again,) = minimise([begin(loss, best, 1e-4)])
    np.testing.assert_allclose(again, best, atol=0.05)


def test_fits_side_by_side_end_where_each_ends_alone() -> None:
    """Also where one needs fewer steps than another."""
    parts = (slice(100, 300),), (slice(0, 100), slice(200, 300)), (slice(0, 300),)
    losses = [loss_of(kept) for kept in parts]
    sizes = (0.1, 1.0, 9.0)
    starts = [begin(loss, somewhere(3, size)) for loss, size in zip(losses, sizes, strict=True)]
    alone = [minimise([start])[0] for start in starts]
    for ours, own, loss in zip(minimise(starts), alone, losses, strict=True):
        np.testing.assert_allclose(ours, own, atol=0.05)
        assert value_and_gradient(loss, ours)[0] == pytest.approx(value_and_gradient(loss, own)[0], abs=1e-5)


def test_nothing_to_fit_is_no_model() -> None:
    assert minimise([]) == []
