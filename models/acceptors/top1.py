"""Top-1 acceptor: the surrogate's own best probability, calibrated. It needs fewest traces and mostly wins.

The top-1 probability of the softmax at a temperature goes through beta calibration (Kull, Silva Filho and
Flach 2017) with slopes that can't be negative: the score never falls while the top-1 probability rises. Both
are fitted on the selection traces. Without any the temperature is 1, and the calibration, which can't change
the order of the answers, is fitted on the gate's own traces.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from models.acceptors.features import AcceptorFeatureNodes, AcceptorFeatures
from models.graph.building import DOUBLE, FLOAT, Graph
from models.surrogates.contract import Matrix
from models.surrogates.logistic import log_loss

NAME = "top-1, beta calibration"
SMALLEST = 1e-7


@dataclass(frozen=True, slots=True)
class TopOne:
    """score = sigmoid(hit * log p - miss * log(1 - p) + intercept), p the top-1 probability.

    Attributes:
        temperature: > 0, divides the logits.
        hit, miss: slopes, >= 0.
        intercept: of the log odds.
    """

    temperature: float
    hit: float
    miss: float
    intercept: float

    name = NAME

    def scores(self, features: AcceptorFeatures) -> NDArray[np.float32]:
        return self.logit_scores(features.logits)

    def logit_scores(self, logits: Matrix) -> NDArray[np.float32]:
        total, rest = _log_sums(logits, self.temperature)
        lost = (self.hit - self.miss) * total + self.miss * rest
        return expit(self.intercept - lost).astype(np.float32)  # type: ignore[no-any-return]

    def write(self, graph: Graph, nodes: AcceptorFeatureNodes) -> str:
        """Sums and what follows are in double: vector units round a row by its place, which must not show."""
        across, number = graph.axes(1), graph.double
        logits = graph.add("Mul", nodes.logits, graph.number(1.0 / self.temperature))
        peak = graph.add("ReduceMax", logits, across, keepdims=1)
        raised = graph.add("Cast", graph.add("Exp", graph.add("Sub", logits, peak)), to=DOUBLE)
        total = graph.add("ReduceSum", raised, across, keepdims=0)
        total = graph.add("Max", total, number(1.0 + SMALLEST))
        rest = graph.add("Log", graph.add("Sub", total, number(1.0)))
        lost = graph.add("Mul", graph.add("Log", total), number(self.hit - self.miss))
        lost = graph.add("Add", lost, graph.add("Mul", rest, number(self.miss)))
        score = graph.add("Sigmoid", graph.add("Sub", number(self.intercept), lost))
        return graph.add("Cast", score, to=FLOAT)


def fit(
    logits: Matrix,
    codes: NDArray[np.int64],
    selection_rows: NDArray[np.bool_],
    calibration_rows: NDArray[np.bool_],
) -> TopOne:
    """Calibrate on out-of-fold logits [n, labels] of traces to which the teacher gave the labels `codes` [n].

    Args:
        selection_rows: bool [n], the temperature is fitted on these.
        calibration_rows: bool [n], the calibration is fitted on these; at least one.
    """
    temperature = 1.0
    if selection_rows.any():
        temperature = float(np.exp(_best_log_temperature(logits[selection_rows], codes[selection_rows])))
    total, rest = _log_sums(logits[calibration_rows], temperature)
    agrees = logits[calibration_rows].argmax(axis=1) == codes[calibration_rows]
    hit, miss, intercept = _fit_calibration(-total, rest - total, agrees)
    return TopOne(temperature, hit, miss, intercept)


def _best_log_temperature(logits: NDArray[np.float32], codes: NDArray[np.int64]) -> float:
    fitted = minimize_scalar(
        lambda power: log_loss(logits / np.exp(power), codes),
        bounds=(-2.0, 2.0),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(fitted.x)


def _log_sums(logits: Matrix, temperature: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logs of all labels' summed probabilities and of the others', in units of the best label's, [n] each.

    They are kept away from log 0, with the arithmetic of the graph. Minus the first is the log of the top-1
    probability, the second minus the first that of the rest.
    Many answers have the highest score there is: it must be the same in the graph to the last bit.
    """
    scaled = logits * np.float32(1.0 / temperature)
    total = np.exp(scaled - scaled.max(axis=1, keepdims=True)).astype(np.float64).sum(axis=1)
    total = np.maximum(total, 1.0 + SMALLEST)
    return np.log(total), np.log(total - 1.0)


def _fit_calibration(
    certain: NDArray[np.float64], doubt: NDArray[np.float64], agrees: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Slopes and intercept with the least log loss, pulled weakly towards the identity (1, 1, 0).

    Few or one-sided rows leave it near the identity.
    """
    sign = np.where(agrees, 1.0, -1.0)
    columns = np.stack([certain, -doubt, np.ones_like(certain)], axis=1)
    identity = np.array([1.0, 1.0, 0.0])

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (columns @ point)
        pull = point - identity
        gradient = -(columns * (sign * expit(-margin))[:, None]).sum(axis=0) + pull
        return float(np.logaddexp(0.0, -margin).sum() + 0.5 * pull @ pull), gradient

    bounds = [(0.0, None), (0.0, None), (None, None)]
    fitted = minimize(loss, identity, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(fitted.x[0]), float(fitted.x[1]), float(fitted.x[2])
