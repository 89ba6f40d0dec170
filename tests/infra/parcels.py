"""A small task that can be learned in a second: what customers of a parcel service want."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WISHES = {
    "track": ("where is my parcel", "when does my parcel come", "has my parcel been sent"),
    "refund": ("I want my money back", "please refund my payment", "give me a refund now"),
    "address": ("I have moved house", "please change my address", "my new street is not known"),
}
_EXTRAS = ("please", "thanks", "hello", "it is urgent", "order 1234", "since Monday", "again", "asap")
WIDTH = 8


def traces(count: int, seed: int = 0) -> list[dict[str, Any]]:
    drawn = random.Random(seed)
    labels = [drawn.choice(list(_WISHES)) for _ in range(count)]
    return [
        {"text": " ".join([*drawn.sample(_EXTRAS, 3), drawn.choice(_WISHES[label])]), "label": label}
        for label in labels
    ]


def vectors(rows: list[dict[str, Any]], seed: int = 0) -> NDArray[np.float16]:
    """One direction for each label, and noise."""
    noise = np.random.default_rng(seed).normal(0, 0.1, (len(rows), WIDTH))
    places = [list(_WISHES).index(row["label"]) for row in rows]
    return (np.eye(WIDTH)[places] + noise).astype(np.float16)


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
