"""Learning and deciding, without Kafka, Redis or messages.

    from models import Features, Policy, TrainingSet
    from models.fit import fit
    from models.evaluate import evaluate

    result = fit(TrainingSet(Features(texts=texts), labels, sampled), task="tickets", version="v1")
    if result.artifact:
        policy = Policy.open(result.artifact.manifest, result.artifact.graph)
        evaluate(policy, Features(texts=others), their_labels)

The names here import numpy, msgspec and onnxruntime only: what decides never loads what learns.

ONNX Runtime reports its use to its maker, unless the environment forbids it before the first import: it
writes a device ID and a queue of events to the user's cache. This package forbids it for the process and its
children (`ORT_DISABLE_TELEMETRY=1`; 0 allows the reports). Import `models` before `onnxruntime`.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from models.artifact import Artifact
from models.errors import EmbedderError, InvalidSpec, ModelError, PolicyError, TrainingError
from models.features import Features
from models.manifest import FrontierPoint, Manifest
from models.policy import Policy, Scores
from models.training_set import TrainingSet

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
