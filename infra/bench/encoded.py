"""Vectors for texts that come without: made by an encoder in a folder of the user's."""

import os
from pathlib import Path

from infra.bench.banking import Split
from infra.errors import MissingData
from models.embedders.contract import Embedder
from models.embedders.loader import open_embedder
from models.features import Features

STATIC, MINILM = "static-256", "minilm-int8"
_KINDS = {STATIC: "model2vec", MINILM: "onnx"}
_VARIABLE = "UNDERSTUDY_TEST_ENCODERS"


def open_encoder(name: str, data: Path) -> Embedder:
    """The encoder of that name, from the folder that the environment names, or from the one beside the data.

    Raises:
        MissingData: it is not there.
        EmbedderError: it can't be opened.
    """
    folder = Path(os.environ.get(_VARIABLE, data.parent / "encoders")) / name
    if not folder.is_dir():
        raise MissingData(f"no {name} in {folder.parent}: set {_VARIABLE} to the folder that has it")
    return open_embedder(f"{_KINDS[name]}:{folder}")


def embed_split(split: Split, encoder: Embedder) -> Split:
    """The same rows with the encoder's vectors. Raises EmbedderError: see `Embedder.embed`."""
    texts = split.rows.texts or []
    return Split(Features(texts, encoder.embed(texts)), split.labels)
