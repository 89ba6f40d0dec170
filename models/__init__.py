"""Learning and deciding, without Kafka, Redis or messages.

The names here decide with a policy that exists and import numpy, msgspec and onnxruntime only. Training lives
in `models.fit`, judging a policy on labelled rows in `models.evaluate`; import those where they are needed.
"""

from models.artifact import Artifact
from models.errors import ModelError, PolicyError, TrainingError
from models.features import Features
from models.manifest import FrontierPoint, Manifest
from models.policy import Policy, Scores

__all__ = [
    "Artifact",
    "Features",
    "FrontierPoint",
    "Manifest",
    "ModelError",
    "Policy",
    "PolicyError",
    "Scores",
    "TrainingError",
]
