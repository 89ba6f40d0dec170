"""Extremely randomised trees on vectors (Geurts, Ernst and Wehenkel 2006)."""

from functools import partial

import onnx
from skl2onnx import to_onnx
from sklearn.ensemble import ExtraTreesClassifier

from models.graph.building import OPSET
from models.surrogates import refitted
from models.surrogates.contract import Matrix

KIND = "trees"
TREES = 200


def _new_model(seed: int) -> ExtraTreesClassifier:
    return ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed)


def _convert(model: ExtraTreesClassifier, example: Matrix) -> onnx.ModelProto:
    converted: onnx.ModelProto = to_onnx(model, example, options={"zipmap": False}, target_opset=OPSET)
    return converted


METHOD = refitted.RefitMethod(KIND, f"{TREES} extremely randomised trees", _new_model, _convert, 1e-3)

learn = partial(refitted.learn, METHOD)
fold = partial(refitted.fold, METHOD)
