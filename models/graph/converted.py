"""Converted tree models as ONNX nodes: LightGBM boosters, and any classifier that a converter has written."""

import lightgbm
import onnx
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from models.graph.building import Graph

LIGHTGBM_OPSET = 15


def convert_booster(booster: lightgbm.Booster) -> onnx.ModelProto:
    """The booster as a model that reads float32 [n, features]; its second output are the probabilities."""
    shape = FloatTensorType([None, booster.num_feature()])
    converted: onnx.ModelProto = convert_lightgbm(
        booster, initial_types=[("columns", shape)], zipmap=False, target_opset=LIGHTGBM_OPSET
    )
    return converted


def inline_classifier(graph: Graph, model: onnx.ModelProto, columns: str) -> str:
    """Add the nodes of a converted classifier that reads `columns`; the name of its probabilities."""
    return graph.inline(model, {model.graph.input[0].name: columns}, model.graph.output[1].name)
