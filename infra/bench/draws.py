"""Draws of rows with a fixed seed: the same seed gives the same rows to every contestant and machine."""

import random
import string
from collections.abc import Sequence

import numpy as np

from infra.bench.corpora import Split
from models.features import Features
from models.featurizers.row_blocks import row_blocks

STEP = 0.3
"""Of a vector, relative to its length: leaves a cosine of .96 to the original."""
TYPO_EVERY = 30


def subsets(split: Split, size: int, count: int) -> list[Split]:
    """`count` uniform samples of `size` rows each, without replacement inside a sample."""
    return [split.take(_permutation(len(split), seed)[:size]) for seed in range(count)]


def with_wrong_labels(labels: Sequence[str], share: float, seed: int) -> list[str]:
    """Labels of a teacher who errs: each label is, with probability `share`, replaced by another."""
    numbers = np.random.default_rng([seed, 1])
    names = sorted(set(labels))
    place = {name: index for index, name in enumerate(names)}
    wrong_rows = numbers.random(len(labels)) < share
    steps = numbers.integers(1, len(names), len(labels))
    return [
        names[(place[label] + step) % len(names)] if wrong else label
        for label, wrong, step in zip(labels, wrong_rows.tolist(), steps.tolist(), strict=True)
    ]


def shuffle_labels(labels: Sequence[str], seed: int) -> list[str]:
    """The same labels on other rows, so that no row says anything about its label."""
    return [labels[row] for row in np.random.default_rng([seed, 2]).permutation(len(labels))]


def coin_labels(count: int, seed: int) -> list[str]:
    """Two labels, one as likely as the other, independent of the row."""
    return ["heads" if toss else "tails" for toss in np.random.default_rng([seed, 3]).random(count) < 0.5]


def grown(split: Split, size: int, seed: int) -> Split:
    """`size` rows, drawn with replacement; texts with typing errors, vectors with a step of `STEP` aside."""
    numbers = np.random.default_rng([seed, 4])
    drawn = split.take(numbers.integers(0, len(split), size).tolist())
    texts, vectors = drawn.rows.texts, drawn.rows.embeddings
    if vectors is not None:
        for block in row_blocks(len(vectors), 4 * vectors.shape[1]):
            rows = vectors[block]
            steps = numbers.standard_normal(rows.shape, dtype=np.float32) / np.sqrt(rows.shape[1])
            rows += STEP * np.linalg.norm(rows, axis=1, keepdims=True) * steps
    if texts is not None:
        generator = random.Random(seed)
        texts = [with_typing_errors(text, generator) for text in texts]
    return Split(Features(texts, vectors), drawn.labels)


def with_typing_errors(text: str, generator: random.Random) -> str:
    """A letter in every `TYPO_EVERY`, but at least one, is left out, typed twice, or another one."""
    letters = list(text)
    for _ in range(max(1, len(letters) // TYPO_EVERY)):
        place = generator.randrange(len(letters) or 1)
        right = letters[place] if letters else ""
        other = generator.choice(string.ascii_lowercase.replace(right or " ", ""))
        letters[place : place + 1] = [generator.choice(["", right * 2, other])]
    return "".join(letters)


def _permutation(rows: int, seed: int) -> list[int]:
    places: list[int] = np.random.default_rng(seed).permutation(rows).tolist()
    return places
