"""A policy that answers most texts, and texts of which it answers some."""

from pathlib import Path

import pytest

from models.artifact import Artifact
from models.policy import Policy
from tests.models.conftest import draw_texts, learned

TARGET = 0.9


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    made = learned("text").artifact
    assert made is not None
    return made


@pytest.fixture(scope="session")
def directory(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policy")
    artifact.write(folder)
    return folder


@pytest.fixture(scope="session")
def policy(artifact: Artifact) -> Policy:
    return Policy.open(artifact.manifest, artifact.graph)


@pytest.fixture(scope="session")
def mixed_texts() -> list[str]:
    """Some are answered, others are like nothing in the traces."""
    features, _ = draw_texts(60, seed=7)
    strange = [f"zq{number} xkv wjq {number * 7919}" for number in range(20)]
    return [text for pair in zip(features.texts or (), strange * 3, strict=True) for text in pair]
