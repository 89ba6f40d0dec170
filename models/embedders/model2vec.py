"""`model2vec:`: static embeddings, a mean over a table's rows; fast, and the same to the last bit anywhere.

Format and library are Minishlab's Model2Vec. It reads folders and hub repositories in its own layout and in
that of sentence-transformers. A place that is not a folder, nor looks like the path of one, is a repository
on the hub, with an optional `@revision`; files in the hub's cache are not downloaded again.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from huggingface_hub import snapshot_download
from model2vec import StaticModel
from numpy.typing import NDArray

from models.embedders.fingerprint import fingerprint
from models.embedders.kinds import MODEL2VEC
from models.errors import EmbedderError

_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "config_sentence_transformers.json",
    "0_StaticEmbedding/model.safetensors",
    "0_StaticEmbedding/tokenizer.json",
)

_PATHS = ("/", ".", "~")
"""What begins so is a path, never the name of a repository."""


class StaticEmbedder:
    """An encoder of a table of token vectors and its tokenizer."""

    def __init__(self, model: StaticModel, name: str) -> None:
        self.id = name
        self.dimension = int(model.dim)
        self._model = model
        self._lock = threading.Lock()

    @classmethod
    def open(cls, place: str) -> "StaticEmbedder":
        """Load it from a folder or, through its cache, from the hub.

        Raises:
            EmbedderError: it is not a folder, and can't be or is not to be downloaded from the hub.
        """
        folder = Path(place) if Path(place).is_dir() else _download(place)
        model = StaticModel.from_pretrained(folder)
        return cls(model, f"{MODEL2VEC}:{fingerprint(folder, _FILES)}")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`. A text without a known token is zeros."""
        with self._lock:  # each call sets the tokenizer's truncation again
            rows = self._model.encode(list(texts), use_multiprocessing=False)
        return np.asarray(rows, dtype=np.float32)


def _is_path(repository: str) -> bool:
    """Whether a folder is meant: a repository has one slash at most, and no folder before that."""
    maker, *rest = repository.split("/")
    return repository.startswith(_PATHS) or len(rest) > 1 or (bool(rest) and Path(maker).is_dir())


def _download(place: str) -> Path:
    repository, _, revision = place.partition("@")
    if _is_path(repository):
        where = "" if place.startswith(_PATHS) else f" in {Path.cwd()}; it is not looked for on the hub"
        raise EmbedderError(f"{place}: there is no such folder{where}")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        raise EmbedderError(
            f"'{place}' is not a folder and could not be downloaded from the hub: {error}"
        ) from error
