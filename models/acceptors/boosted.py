"""LightGBM on the evidence. Deployed: the ensemble of the fold models, the mean of their probabilities."""

from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from models.acceptors.evidence import AcceptorFeatureNodes, AcceptorFeatures
from models.graph.building import Graph
from models.surrogates.contract import Matrix, TrainingTargets

NAME = "LightGBM on the evidence"
ROUNDS = 60
OPSET = 15
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
    """Attributes:
    models: one for each fold.
    """

    models: tuple[lightgbm.Booster, ...]

    name = NAME

    def scores(self, evidence: AcceptorFeatures) -> NDArray[np.float32]:
        columns = evidence.columns()
        return np.asarray(
            np.mean([_scores(model, columns) for model in self.models], axis=0), dtype=np.float32
        )

    def write(self, graph: Graph, nodes: AcceptorFeatureNodes) -> str:
        columns = nodes.columns(graph)
        each = [_write(graph, model, columns) for model in self.models]
        return graph.add("Squeeze", graph.add("Mean", *each), graph.axes(1))


def cross_fit(
    evidence: AcceptorFeatures, agrees: NDArray[np.bool_], sampled: NDArray[np.bool_], lesson: TrainingTargets
) -> tuple[BoostedAcceptor, NDArray[np.float32]]:
    """The acceptor, and the score of each trace by the model of its fold, [n]."""
    columns = evidence.columns()
    scores, models = np.empty(len(columns), dtype=np.float32), []
    for held in lesson.held:
        rows = np.flatnonzero(~held & sampled)
        data = lightgbm.Dataset(columns[rows], agrees[rows].astype(np.float32))
        models.append(lightgbm.train(SETTINGS | {"seed": lesson.seed}, data, ROUNDS))
        scores[held] = _scores(models[-1], columns[held])
    return BoostedAcceptor(tuple(models)), scores


def _scores(model: lightgbm.Booster, columns: Matrix) -> NDArray[np.float32]:
    return np.asarray(model.predict(columns), dtype=np.float32)


def _write(graph: Graph, model: lightgbm.Booster, columns: str) -> str:
    shape = FloatTensorType([None, model.num_feature()])
    converted = convert_lightgbm(model, initial_types=[("columns", shape)], zipmap=False, target_opset=OPSET)
    named = {converted.graph.input[0].name: columns}
    shares = graph.inline(converted, named, converted.graph.output[1].name)
    _, agreeing = graph.split("Split", shares, graph.axes(1, 1), outputs=2, axis=1)
    return agreeing
