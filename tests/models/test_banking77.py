"""Public utterances: targets that pass hold on the test split, with the measured coverage."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.evaluate import evaluate
from models.features import Features
from models.fit import TrainingSet, fit
from models.policy import Policy

TRACES = 4000


def rows(data: Path, split: str, embedder: str) -> tuple[Features, list[str]]:
    lines = (data / f"banking77_{split}.jsonl").read_bytes().splitlines()
    read = [msgspec.json.decode(line) for line in lines]
    labels = [row["label"] for row in read]
    if embedder == "text":
        return Features(texts=[row["text"] for row in read]), labels
    vectors = np.load(data / f"banking77_{split}.minilm.f16.npy").astype(np.float32)
    return Features(embeddings=vectors), labels


@pytest.mark.parametrize(("embedder", "coverage"), [("text", 0.70), ("precomputed", 0.80)])
def test_a_policy_of_4000_traces_keeps_its_target(data_dir: Path, embedder: str, coverage: float) -> None:
    features, labels = rows(data_dir, "train", embedder)
    chosen = np.random.default_rng(0).permutation(len(labels))[:TRACES]
    training = TrainingSet(
        features.take(chosen), [labels[row] for row in chosen], np.ones(TRACES, dtype=np.bool_)
    )
    result = fit(training, task="banking", version="v1", embedder=embedder, targets=(0.9, 0.95))
    assert result.artifact is not None
    policy = Policy.open(result.artifact.manifest, result.artifact.graph)
    evaluation = evaluate(policy, *rows(data_dir, "test", embedder), targets=(0.9, 0.95))
    assert not any(target.violation for target in evaluation.targets)
    assert evaluation.targets[1].coverage > coverage
