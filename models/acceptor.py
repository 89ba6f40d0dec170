"""How sure the surrogate is of its best label, as a probability that the teacher agrees.

The top-1 probability of the softmax at a temperature, put through beta calibration (Kull, Silva Filho and
Flach 2017) with slopes that can't be negative: the score never falls while the top-1 probability rises. Both
are fitted on out-of-fold logits of sampled traces.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from models.logistic import log_loss

SMALLEST = 1e-7


@dataclass(frozen=True, slots=True)
class Acceptor:
    """score = sigmoid(hit * log p - miss * log(1 - p) + intercept), p the top-1 probability.

    Attributes:
        temperature: > 0, divides the logits.
        hit, miss: slopes, >= 0.
        intercept: any.
    """

    temperature: float
    hit: float
    miss: float
    intercept: float

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 [n] in [0, 1] for logits [n, labels]: the arithmetic of the graph."""
        certain, doubt = _odds(logits, self.temperature)
        return expit(self.hit * certain - self.miss * doubt + self.intercept).astype(np.float32)  # type: ignore[no-any-return]


def fit(logits: NDArray[np.float32], agrees: NDArray[np.bool_], codes: NDArray[np.int64]) -> Acceptor:
    """Calibrate on out-of-fold logits [n, labels], n >= 1, of which `agrees` says where top-1 is right."""
    temperature = float(np.exp(_best_log_temperature(logits, codes)))
    certain, doubt = _odds(logits, temperature)
    hit, miss, intercept = _beta(certain.astype(np.float64), doubt.astype(np.float64), agrees)
    return Acceptor(temperature, hit, miss, intercept)


def _best_log_temperature(logits: NDArray[np.float32], codes: NDArray[np.int64]) -> float:
    found = minimize_scalar(
        lambda power: log_loss(logits / np.exp(power), codes),
        bounds=(-2.0, 2.0),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(found.x)


def _odds(logits: NDArray[np.float32], temperature: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logs of the top-1 probability and of what is left, kept away from log 0."""
    scaled = logits / np.float32(temperature)
    total = np.exp(scaled - scaled.max(axis=1, keepdims=True)).sum(axis=1)
    rest = np.maximum(total - 1, np.float32(SMALLEST))
    return -np.log1p(rest), np.log(rest) - np.log1p(rest)


def _beta(
    certain: NDArray[np.float64], doubt: NDArray[np.float64], agrees: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Least log loss with a weak pull towards the identity (1, 1, 0), which few or one-sided rows stay at."""
    sign = np.where(agrees, 1.0, -1.0)
    columns = np.stack([certain, -doubt, np.ones_like(certain)], axis=1)
    identity = np.array([1.0, 1.0, 0.0])

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (columns @ point)
        pull = point - identity
        gradient = -(columns * (sign * expit(-margin))[:, None]).sum(axis=0) + pull
        return float(np.logaddexp(0.0, -margin).sum() + 0.5 * pull @ pull), gradient

    bounds = [(0.0, None), (0.0, None), (None, None)]
    found = minimize(loss, identity, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), float(found.x[1]), float(found.x[2])
