"""Where the benchmark data is: Banking77 with its vectors, in a folder of the user's."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.errors import MissingData
from infra.files.traces import read_traces
from infra.files.vectors import features
from models.features import Features

_BESIDE = Path(__file__).parents[3] / "shared" / "data"
_VARIABLE = "UNDERSTUDY_TEST_DATA"


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

    def joined(self, other: "Split") -> "Split":
        """These rows, then those; what one of them lacks is left out."""
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
    """The folder given, or named by the environment, or the one beside the project; it may lack the data."""
    return given or Path(os.environ.get(_VARIABLE, _BESIDE))


def data_folder(given: Path | None) -> Path:
    """The likely folder.

    Raises:
        MissingData: it does not have the data.
    """
    folder = likely_folder(given)
    for split in ("train", "test"):
        _files(folder, split)
    return folder


def read(folder: Path, split: str) -> Split:
    """`train` or `test`.

    Raises:
        MissingData: the folder does not have it.
        InvalidFile: its files are not what they should be.
    """
    texts, vectors = _files(folder, split)
    lines = read_traces(texts, texts=True)
    embeddings = features(lines, texts, vectors).embeddings
    rows = Features([line.text or "" for line in lines], embeddings)
    return Split(rows, [line.label for line in lines])


def _files(folder: Path, split: str) -> tuple[Path, Path]:
    texts, vectors = folder / f"banking77_{split}.jsonl", folder / f"banking77_{split}.minilm.f16.npy"
    for file in (texts, vectors):
        if not file.is_file():
            raise MissingData(
                f"{file.name} is not in {folder}: name the folder that has it by --data or {_VARIABLE}"
            )
    return texts, vectors
