"""Logistic regression on the acceptor features. Deployed: the average of the fold models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from models.acceptors.features import AcceptorFeatureNodes, AcceptorFeatures
from models.graph.building import Graph
from models.surrogates.contract import Matrix, TrainingTargets

NAME = "logistic regression on acceptor features"


@dataclass(frozen=True, slots=True)
class LogisticAcceptor:
    """score = sigmoid(columns @ weights + intercept).

    Attributes:
        weights: float32 [columns].
        intercept: of the log odds.
    """

    weights: NDArray[np.float32]
    intercept: float

    name = NAME

    def scores(self, features: AcceptorFeatures) -> NDArray[np.float32]:
        return self.column_scores(features.columns())

    def column_scores(self, columns: Matrix) -> NDArray[np.float32]:
        return expit(columns @ self.weights + np.float32(self.intercept)).astype(np.float32)  # type: ignore[no-any-return]

    def write(self, graph: Graph, nodes: AcceptorFeatureNodes) -> str:
        weights = graph.constant(self.weights[:, None])
        product = graph.add("MatMul", nodes.columns(graph), weights)
        product = graph.add("Squeeze", product, graph.axes(1))
        return graph.add("Sigmoid", graph.add("Add", product, graph.number(self.intercept)))


def cross_fit(
    features: AcceptorFeatures,
    agrees: NDArray[np.bool_],
    sampled: NDArray[np.bool_],
    targets: TrainingTargets,
) -> tuple[LogisticAcceptor, NDArray[np.float32]]:
    """Fit one model a fold on the sampled traces outside of it.

    Args:
        agrees, sampled: bool [n].

    Returns:
        The acceptor, and the score of each trace by the model that has not learned from it, float32 [n].
    """
    columns = features.columns()
    centre, width = columns[sampled].mean(axis=0), columns[sampled].std(axis=0) + 1e-6
    scores, folds = np.empty(len(columns), dtype=np.float32), []
    for held_out in targets.held_out:
        rows = np.flatnonzero(~held_out & sampled)
        folds.append(_fit_fold((columns[rows] - centre) / width, agrees[rows], centre, width))
        scores[held_out] = folds[-1].column_scores(columns[held_out])
    weights = np.mean([fold.weights for fold in folds], axis=0)
    return LogisticAcceptor(weights, float(np.mean([fold.intercept for fold in folds]))), scores


def _fit_fold(scaled: Matrix, agrees: NDArray[np.bool_], centre: Matrix, width: Matrix) -> LogisticAcceptor:
    if agrees.all() or not agrees.any():
        return LogisticAcceptor(np.zeros(len(centre), dtype=np.float32), 5.0 if agrees.all() else -5.0)
    model = LogisticRegression(max_iter=500).fit(scaled, agrees)
    weights = (model.coef_[0] / width).astype(np.float32)
    return LogisticAcceptor(weights, float(model.intercept_[0] - centre @ weights))
