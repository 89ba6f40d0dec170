"""Gradient boosted trees on vectors by LightGBM (Ke and others 2017)."""

from functools import partial
from typing import Any

import lightgbm
import onnx
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from models.surrogates import refitted
from models.surrogates.contract import Matrix

KIND = "boosting"
OPSET = 15
ROUNDS = 60
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_child_samples": 10,
    "colsample_bytree": 0.3,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}


def _make(seed: int) -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(n_estimators=ROUNDS, random_state=seed, **SETTINGS)


def _convert(model: lightgbm.LGBMClassifier, example: Matrix) -> onnx.ModelProto:
    named = [("unit", FloatTensorType([None, example.shape[1]]))]
    converted: onnx.ModelProto = convert_lightgbm(
        model.booster_, initial_types=named, zipmap=False, target_opset=OPSET
    )
    return converted


METHOD = refitted.Method(KIND, f"LightGBM with {ROUNDS} rounds", _make, _convert, 1e-6)

learn = partial(refitted.learn, METHOD)
fold = partial(refitted.fold, METHOD)
