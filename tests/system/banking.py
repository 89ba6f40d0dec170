"""Banking77 as a stream: its training split in a fixed random order, gold labels as the teacher's answers."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.messages import Request

TASK = "banking"


@dataclass(frozen=True)
class Banking:
    """Requests, and the label of each by its id."""

    requests: list[Request]
    gold: dict[str, str]


def banking(folder: Path, *, vectors: bool, most: int | None = None) -> Banking:
    """The stream; with MiniLM vectors in the messages, or with the text alone."""
    rows = [json.loads(line) for line in (folder / "banking77_train.jsonl").read_text().splitlines()]
    order = np.random.default_rng(7).permutation(len(rows))[:most]
    embeddings = np.load(folder / "banking77_train.minilm.f16.npy").astype("<f4") if vectors else None
    requests = [
        Request(
            id=f"b{row}",
            task=TASK,
            text=rows[row]["text"],
            embedding=None if embeddings is None else embeddings[row].tobytes(),
        )
        for row in order.tolist()
    ]
    return Banking(requests, {f"b{row}": rows[row]["label"] for row in order.tolist()})
