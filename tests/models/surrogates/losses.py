"""A log loss on random rows, and its value and gradient by the definition."""

from collections.abc import Sequence

import numpy as np

from models.surrogates.softmax_loss import SoftmaxLoss

ROWS, WIDTH, LABELS = 300, 6, 4


def loss_of(kept: Sequence[slice] = (slice(0, 100), slice(100, ROWS))) -> SoftmaxLoss:
    """Of these parts of a matrix that is always the same."""
    generator = np.random.default_rng(0)
    codes = generator.integers(LABELS, size=ROWS)
    matrix = (np.eye(LABELS, WIDTH)[codes] + generator.standard_normal((ROWS, WIDTH))).astype(np.float32)
    weights = generator.uniform(0.5, 1.5, ROWS).astype(np.float32)
    return SoftmaxLoss(
        matrix,
        kept,
        np.concatenate([codes[part] for part in kept]),
        np.concatenate([weights[part] for part in kept]),
        generator.uniform(0.5, 2.0, (WIDTH, 1)).astype(np.float32),
        np.append(np.full(WIDTH - 1, 0.05), 0.0).astype(np.float32)[:, None],
        LABELS,
    )


def value_and_gradient(loss: SoftmaxLoss, model: np.ndarray) -> tuple[float, np.ndarray]:
    """In float64."""
    matrix = np.concatenate([loss.matrix[part] for part in loss.kept]).astype(np.float64)
    every, rows = np.arange(len(matrix)), len(matrix)
    logits = matrix @ (loss.scale * model)
    log_share = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    value = -float(loss.weights @ log_share[every, loss.codes]) / rows + 0.5 * float(
        (loss.penalty * model**2).sum()
    )
    excess = np.exp(log_share) * loss.weights[:, None]
    excess[every, loss.codes] -= loss.weights
    return value, loss.scale * (matrix.T @ excess) / rows + loss.penalty * model
