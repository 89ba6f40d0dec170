"""Draws that validity is measured on: a corpus, a teacher, a number of traces, and a seed."""

from collections.abc import Sequence
from itertools import product

from msgspec import Struct

from infra.bench import draws
from infra.bench.corpora import Split

CLEAN, NOISY, SHUFFLED, COIN = "gold labels", "8 % wrong", "shuffled labels", "a coin"
NOISE = 0.08
LEARNABLE, UNLEARNABLE = (CLEAN, NOISY), (SHUFFLED, COIN)
SIZES = (500, 1_000, 2_000, 5_000, 10_000)
UNLEARNABLE_SIZE = 500


class DrawCell(Struct, frozen=True):
    """One draw; equal cells have equal rows and labels.

    Attributes:
        corpus: name of it.
        teacher: who gave the labels, of the rows to learn from and of those to judge on.
        size: traces to learn from; all other rows are judged on.
        seed: of the draw.
    """

    corpus: str
    teacher: str
    size: int
    seed: int


def learnable(corpora: Sequence[str], count: int) -> list[DrawCell]:
    """`count` draws, spread evenly: corpora, teachers and sizes take turns."""
    kinds = list(product(SIZES, corpora, LEARNABLE))
    turns = (kinds[seed % len(kinds)] + (seed,) for seed in range(count))
    return [DrawCell(corpus, teacher, size, seed) for size, corpus, teacher, seed in turns]


def unlearnable(corpus: str, count: int) -> list[DrawCell]:
    """`count` draws for each teacher whose labels have nothing to do with the rows."""
    return [
        DrawCell(corpus, teacher, UNLEARNABLE_SIZE, seed) for teacher in UNLEARNABLE for seed in range(count)
    ]


def draw(cell: DrawCell, pool: Split) -> tuple[Split, Split]:
    """Rows of the corpus to learn from and rows to judge on, with this teacher's labels on both."""
    return draws.split_sample(Split(pool.rows, _labels(cell, pool.labels)), cell.size, cell.seed)


def _labels(cell: DrawCell, gold: list[str]) -> list[str]:
    if cell.teacher == NOISY:
        return draws.with_wrong_labels(gold, NOISE, cell.seed)
    if cell.teacher == SHUFFLED:
        return draws.shuffle_labels(gold, cell.seed)
    return draws.coin_labels(len(gold), cell.seed) if cell.teacher == COIN else gold
