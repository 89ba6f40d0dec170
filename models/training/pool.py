"""Several surrogates that answer as one: a logarithmic opinion pool (Genest and Zidek 1986).

The pooled logits are the weighted sum of the members' logits. The weights, none below zero, have the least
log loss on the traces that may choose, pulled a little towards the usual ones; without such traces they are
the usual ones. A member whose weight is next to nothing is left out.
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
    """[n, labels] from each member's [n, labels]."""
    total = np.zeros_like(logits[0])
    for member, weight in zip(logits, weights, strict=True):
        total += np.float32(weight) * member
    return total


def weights(logits: Sequence[Matrix], codes: NDArray[np.int64], usual: Sequence[float]) -> tuple[float, ...]:
    """The weights with the least log loss on these rows.

    Args:
        logits: of each member, [m, labels], out of fold.
        codes: [m] the teacher's labels; no rows for the usual weights.
        usual: [members].
    """
    if len(codes) == 0:
        return tuple(usual)
    stack = np.stack([_centred(member) for member in logits]).astype(np.float64)
    every, start = np.arange(len(codes)), np.array(usual, dtype=np.float64)
    right = stack[:, every, codes]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total = np.tensordot(point, stack, axes=1)
        norm = logsumexp(total, axis=1)
        share = np.exp(total - norm[:, None])
        gradient = np.einsum("nl,mnl->m", share, stack) - right.sum(axis=1)
        pull = point - start
        value = float(norm.sum() - point @ right.sum(axis=1)) + PULL / 2 * float(pull @ pull)
        return value, gradient + PULL * pull

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
    kept = np.where(found.x < LEAST, 0.0, found.x)
    return tuple(float(weight) for weight in (kept if kept.any() else start))


def _centred(logits: Matrix) -> Matrix:
    return np.asarray(logits - logits.max(axis=1, keepdims=True))
