"""Corpora that benchmarks read: Banking77 with its vectors, Snips without, in a folder of the user's.

An encoder in another folder makes vectors for texts that come without.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.errors import MissingData
from infra.files.traces import read_traces
from infra.files.vectors import features
from models.embedders.contract import Embedder
from models.embedders.loader import open_embedder
from models.features import Features

BANKING77, SNIPS = "Banking77", "Snips"
STATIC, MINILM = "static-256", "minilm-int8"
_ENCODER_KINDS = {STATIC: "model2vec", MINILM: "onnx"}
_SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
_DATA_VARIABLE = "UNDERSTUDY_TEST_DATA"
_ENCODERS_VARIABLE = "UNDERSTUDY_TEST_ENCODERS"


@dataclass(frozen=True, slots=True)
class Split:
    """Rows in one order: texts with vectors, and the labels of a teacher who is always right."""

    rows: Features
    labels: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int]) -> "Split":
        """The rows at these places, in this order."""
        return Split(self.rows.take(rows), [self.labels[row] for row in rows])

    def concat(self, other: "Split") -> "Split":
        """These rows, then those; texts or vectors that one of them lacks are left out."""
        texts, vectors = (self.rows.texts, other.rows.texts), (self.rows.embeddings, other.rows.embeddings)
        rows = Features(
            None if texts[0] is None or texts[1] is None else [*texts[0], *texts[1]],
            None if vectors[0] is None or vectors[1] is None else np.concatenate([vectors[0], vectors[1]]),
        )
        return Split(rows, [*self.labels, *other.labels])

    @property
    def texts(self) -> Features:
        return Features(texts=self.rows.texts)

    @property
    def vectors(self) -> Features:
        return Features(embeddings=self.rows.embeddings)


def likely_folder(given: Path | None) -> Path:
    """The folder given, or named by the environment, or the one next to the project; it may lack the data."""
    return given or Path(os.environ.get(_DATA_VARIABLE, _SHARED_DATA))


def data_folder(given: Path | None) -> Path:
    """The likely folder.

    Raises:
        MissingData: it does not have Banking77.
    """
    folder = likely_folder(given)
    for split in ("train", "test"):
        _banking77_files(folder, split)
    return folder


def read_banking77(folder: Path, split: str) -> Split:
    """`train` or `test`, with vectors.

    Raises:
        MissingData: the folder does not have it.
        InvalidFile: its files are not what they should be.
    """
    texts, vectors = _banking77_files(folder, split)
    lines = read_traces(texts, texts=True)
    embeddings = features(lines, texts, vectors).embeddings
    rows = Features([line.text or "" for line in lines], embeddings)
    return Split(rows, [line.label for line in lines])


def whole_banking77(folder: Path) -> Split:
    """Its train and test rows together. Raises InvalidFile, MissingData: see `read_banking77`."""
    return read_banking77(folder, "train").concat(read_banking77(folder, "test"))


def whole_snips(folder: Path) -> Split:
    """Its train and test rows together, texts only.

    Raises:
        MissingData: the folder does not have it.
        InvalidFile: its files are not what they should be.
    """
    lines = []
    for split in ("train", "test"):
        file = folder / f"snips_{split}.jsonl"
        if not file.is_file():
            raise MissingData(f"{file.name} is not in {folder}: name the folder that has it by --data")
        lines += read_traces(file, texts=True)
    return Split(Features([line.text or "" for line in lines]), [line.label for line in lines])


def open_encoder(name: str, data: Path) -> Embedder:
    """The encoder of that name, from the folder that the environment names, or from the one next to the data.

    Raises:
        MissingData: it is not there.
        EmbedderError: it can't be opened.
    """
    folder = Path(os.environ.get(_ENCODERS_VARIABLE, data.parent / "encoders")) / name
    if not folder.is_dir():
        raise MissingData(f"no {name} in {folder.parent}: set {_ENCODERS_VARIABLE} to the folder that has it")
    return open_embedder(f"{_ENCODER_KINDS[name]}:{folder}")


def embed_split(split: Split, encoder: Embedder) -> Split:
    """The same rows with the encoder's vectors. Raises EmbedderError: see `Embedder.embed`."""
    texts = split.rows.texts or []
    return Split(Features(texts, encoder.embed(texts)), split.labels)


def _banking77_files(folder: Path, split: str) -> tuple[Path, Path]:
    texts, vectors = folder / f"banking77_{split}.jsonl", folder / f"banking77_{split}.minilm.f16.npy"
    for file in (texts, vectors):
        if not file.is_file():
            raise MissingData(
                f"{file.name} is not in {folder}: name the folder that has it by --data or {_DATA_VARIABLE}"
            )
    return texts, vectors
