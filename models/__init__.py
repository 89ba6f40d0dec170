"""Learning and deciding, without Kafka, Redis or messages.

    from models import Features, Policy, TrainingSet
    from models.fit import fit
    from models.evaluate import evaluate

    result = fit(TrainingSet(Features(texts=texts), labels, sampled), task="tickets", version="v1")
    if result.artifact:
        policy = Policy.open(result.artifact.manifest, result.artifact.graph)
        evaluate(policy, Features(texts=others), their_labels)

The names here import numpy, msgspec and onnxruntime only: what decides never loads what learns.
"""

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
