"""Gradient boosted trees on vectors by LightGBM (Ke and others 2017)."""

from functools import partial
from typing import Any

import lightgbm
import onnx

from models.graph.converted import convert_booster
from models.surrogates import refitted
from models.surrogates.contract import Matrix

KIND = "boosting"
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


def _new_model(seed: int) -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(n_estimators=ROUNDS, random_state=seed, **SETTINGS)


def _convert(model: lightgbm.LGBMClassifier, _example: Matrix) -> onnx.ModelProto:
    return convert_booster(model.booster_)


METHOD = refitted.RefitMethod(KIND, f"LightGBM with {ROUNDS} rounds", _new_model, _convert, 1e-6)

learn = partial(refitted.learn, METHOD)
fold = partial(refitted.fold, METHOD)
