"""LightGBM on the acceptor features. Deployed: the fold models, averaged over their probabilities."""

from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray

from models.acceptors.features import AcceptorFeatureNodes, AcceptorFeatures
from models.graph.building import Graph
from models.graph.converted import convert_booster, inline_classifier
from models.surrogates.contract import Matrix, TrainingTargets

NAME = "LightGBM on acceptor features"
ROUNDS = 60
SETTINGS = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.05,
    "min_data_in_leaf": 40,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True, slots=True)
class BoostedAcceptor:
    """The mean probability of the fold models.

    Attributes:
        models: one for each fold.
    """

    models: tuple[lightgbm.Booster, ...]

    name = NAME

    def scores(self, features: AcceptorFeatures) -> NDArray[np.float32]:
        columns = features.columns()
        return np.asarray(
            np.mean([_scores(model, columns) for model in self.models], axis=0), dtype=np.float32
        )

    def write(self, graph: Graph, nodes: AcceptorFeatureNodes) -> str:
        columns = nodes.columns(graph)
        each = [_write_booster(graph, model, columns) for model in self.models]
        return graph.add("Squeeze", graph.add("Mean", *each), graph.axes(1))


def cross_fit(
    features: AcceptorFeatures,
    agrees: NDArray[np.bool_],
    sampled: NDArray[np.bool_],
    targets: TrainingTargets,
) -> tuple[BoostedAcceptor, NDArray[np.float32]]:
    """Fit one model a fold on the sampled traces outside of it.

    Args:
        agrees, sampled: bool [n].

    Returns:
        The acceptor, and the score of each trace by the model that has not learned from it, float32 [n].
    """
    columns = features.columns()
    scores, models = np.empty(len(columns), dtype=np.float32), []
    for held_out in targets.held_out:
        rows = np.flatnonzero(~held_out & sampled)
        data = lightgbm.Dataset(columns[rows], agrees[rows].astype(np.float32))
        models.append(lightgbm.train(SETTINGS | {"seed": targets.seed}, data, ROUNDS))
        scores[held_out] = _scores(models[-1], columns[held_out])
    return BoostedAcceptor(tuple(models)), scores


def _scores(model: lightgbm.Booster, columns: Matrix) -> NDArray[np.float32]:
    return np.asarray(model.predict(columns), dtype=np.float32)


def _write_booster(graph: Graph, model: lightgbm.Booster, columns: str) -> str:
    """Nodes of the probability of agreement, [n, 1]."""
    probabilities = inline_classifier(graph, convert_booster(model), columns)
    _, agreement = graph.split("Split", probabilities, graph.axes(1, 1), outputs=2, axis=1)
    return agreement
