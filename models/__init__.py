"""Learning and deciding, without Kafka, Redis or messages.

    from models import Features, Policy, TrainingSet
    from models.fit import fit
    from models.evaluate import evaluate

    result = fit(TrainingSet(Features(texts=texts), labels, sampled), task="tickets", version="v1")
    if result.artifact:
        policy = Policy.open(result.artifact.manifest, result.artifact.graph)
        evaluate(policy, Features(texts=others), their_labels)

Each name is imported at its first use: what decides never loads what learns, and `import models.errors` loads
no ONNX Runtime.

ONNX Runtime reports its use to its maker, unless the environment forbids it before the first import: it
writes a device ID and a queue of events to the user's cache. This package forbids it for the process and its
children (`ORT_DISABLE_TELEMETRY=1`; 0 allows the reports). Import `models` before `onnxruntime`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from models.artifact import Artifact
    from models.errors import EmbedderError, InvalidSpec, ModelError, PolicyError, TrainingError
    from models.features import Features
    from models.manifest import FrontierPoint, Manifest
    from models.policy import Policy, Scores
    from models.training_set import TrainingSet

_MODULES = {
    "Artifact": "artifact",
    "EmbedderError": "errors",
    "Features": "features",
    "FrontierPoint": "manifest",
    "InvalidSpec": "errors",
    "Manifest": "manifest",
    "ModelError": "errors",
    "Policy": "policy",
    "PolicyError": "errors",
    "Scores": "policy",
    "TrainingError": "errors",
    "TrainingSet": "training_set",
}

__all__ = [
    "Artifact",
    "EmbedderError",
    "Features",
    "FrontierPoint",
    "InvalidSpec",
    "Manifest",
    "ModelError",
    "Policy",
    "PolicyError",
    "Scores",
    "TrainingError",
    "TrainingSet",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
