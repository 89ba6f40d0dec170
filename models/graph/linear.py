"""A linear model: what logistic regression and its kin deploy."""

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

    def logits(self, design: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(design @ self.weights + self.intercept)
