"""Fixtures of every encoder: tiny ones that are made here, and real ones if they are installed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.embedders.contract import Embedder
from models.embedders.loader import open_embedder
from models.embedders.prompt import Prompt
from tests.embeddings import EmbeddingServer
from tests.encoders import sentences, static

_REAL = Path(os.environ.get("UNDERSTUDY_TEST_ENCODERS", Path(__file__).parents[4] / "shared" / "encoders"))
PROMPT = Prompt.of("Is it yes or no?\n{text}\n", ("yes", "no", "neither"))


def _real(name: str) -> Path:
    if not (_REAL / name).is_dir():
        pytest.skip(f"no {name} in {_REAL}: set UNDERSTUDY_TEST_ENCODERS to the folder that has it")
    return _REAL / name


_KINDS: dict[str, Callable[[Path, EmbeddingServer], str]] = {
    "model2vec": lambda folder, _: f"model2vec:{static(folder)}",
    "model2vec, real": lambda *_: f"model2vec:{_real('static-256')}",
    "onnx, token states": lambda folder, _: f"onnx:{sentences(folder)}",
    "onnx, pooled": lambda folder, _: f"onnx:{sentences(folder, pooled=True)}",
    "onnx, quantised as it runs": lambda folder, _: f"onnx:{sentences(folder, quantised=True)}",
    "onnx, real": lambda *_: f"onnx:{_real('minilm-int8')}",
    "endpoint": lambda _, server: f"endpoint:{server.url}#small",
    "probe": lambda _, server: f"probe:{server.url}#large",
    "decisions": lambda _, server: f"decisions:{server.url}#quick",
    "systemone": lambda _, server: f"systemone:{server.url}#quick",
}


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture(scope="session", params=list(_KINDS))
def vectors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: EmbeddingServer
) -> str:
    return _KINDS[request.param](tmp_path_factory.mktemp("encoder") / "it", server)


@pytest.fixture(scope="session")
def embedder(vectors: str) -> Embedder:
    return open_embedder(vectors, PROMPT)
