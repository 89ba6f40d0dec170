"""Pools of surrogates: a logarithmic opinion pool (Genest and Zidek 1986) answers like one surrogate.

The pooled logits are the weighted sum of the members' logits. The weights, none below zero, have the least
log loss on the selection traces, pulled a little towards the usual ones; without selection traces they are
the usual ones. A member with a weight of almost zero is left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from models.surrogates.contract import Matrix

PULL = 10.0
LEAST = 0.02


def pool_opinions(logits: Sequence[Matrix], weights: Sequence[float]) -> Matrix:
    """Pooled logits [n, labels] from each member's [n, labels]."""
    total = np.zeros_like(logits[0])
    for member, weight in zip(logits, weights, strict=True):
        total += np.float32(weight) * member
    return total


def pool_weights(
    logits: Sequence[Matrix], codes: NDArray[np.int64], usual: Sequence[float]
) -> tuple[float, ...]:
    """The weights of the members with the least log loss on these rows, all >= 0.

    Args:
        logits: of each member, [m, labels], out of fold.
        codes: [m] the teacher's labels; no rows for the usual weights.
        usual: [members].
    """
    if len(codes) == 0:
        return tuple(usual)
    stack = np.stack([_shift_to_zero(member) for member in logits]).astype(np.float64)
    rows, start = np.arange(len(codes)), np.array(usual, dtype=np.float64)
    right = stack[:, rows, codes]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total = np.tensordot(point, stack, axes=1)
        norm = logsumexp(total, axis=1)
        share = np.exp(total - norm[:, None])
        gradient = np.einsum("nl,mnl->m", share, stack) - right.sum(axis=1)
        pull = point - start
        value = float(norm.sum() - point @ right.sum(axis=1)) + PULL / 2 * float(pull @ pull)
        return value, gradient + PULL * pull

    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
    kept = np.where(fitted.x < LEAST, 0.0, fitted.x)
    return tuple(float(weight) for weight in (kept if kept.any() else start))


def _shift_to_zero(logits: Matrix) -> Matrix:
    return np.asarray(logits - logits.max(axis=1, keepdims=True))
