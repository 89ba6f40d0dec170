"""Whole corpora to draw splits from: Banking77 with 77 intents, Snips with 7."""

from dataclasses import dataclass
from pathlib import Path

from infra.bench import banking
from infra.bench.banking import Split
from infra.errors import MissingData
from infra.files.traces import read_traces
from models.features import Features

BANKING77, SNIPS = "Banking77", "Snips"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Attributes:
    name: what it is called.
    pool: all its rows, of the train and the test split.
    """

    name: str
    pool: Split


def banking77(folder: Path) -> Corpus:
    """Raises InvalidFile, MissingData: see `infra.bench.banking.read`."""
    return Corpus(BANKING77, banking.read(folder, "train").joined(banking.read(folder, "test")))


def snips(folder: Path) -> Corpus:
    """Texts only.

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
    return Corpus(SNIPS, Split(Features([line.text or "" for line in lines]), [line.label for line in lines]))
