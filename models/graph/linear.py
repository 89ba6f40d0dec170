"""A linear model: the form in which logistic regressions are deployed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Linear:
    """logits = x @ weights + intercept.

    Attributes:
        weights: float32 [d, labels].
        intercept: float32 [labels].
    """

    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]

    def logits(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(matrix @ self.weights + self.intercept)
