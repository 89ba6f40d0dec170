"""Draws that validity is measured on: traces to fit on, fresh rows for a second gate, rows to judge on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from infra.bench import draws
from infra.bench.corpora import Split
from infra.bench.results_log import CLEAN, DrawCell

NOISY, SHUFFLED, COIN = "8 % wrong", "shuffled labels", "a coin"
NOISE = 0.08
LEARNABLE, UNLEARNABLE = (CLEAN, NOISY), (SHUFFLED, COIN)
SIZES = (500, 900, 1_500, 4_000)
REPEATED = (0.0, 0.2, 0.5, 1.0)
UNLEARNABLE_SIZE = 500
JUDGED = 5_000


@dataclass(frozen=True, slots=True)
class Draw:
    """Rows of one draw; no row is in two of these.

    Attributes:
        sent: traces to fit on, in random order; a row that was sent twice is there twice.
        fresh: as many other rows where there are enough, each once, for a gate that tests thresholds on them.
        judged: rows to judge on, `JUDGED` where there are enough: the same in all cells of a seed.
    """

    sent: Split
    fresh: Split
    judged: Split


def learnable(
    corpora: Sequence[str],
    sizes: Sequence[int],
    repeated: Sequence[float],
    count: int,
    noisy: int,
) -> list[DrawCell]:
    """`count` draws for each corpus, size and share of repeats, and `noisy` of a teacher who errs.

    All cells of one seed come before those of the next, so that the first of them show what each costs.
    """
    cells = []
    for seed in range(max(count, noisy)):
        clean = repeated if seed < count else ()
        cells += [DrawCell(*each, seed=seed) for each in _kinds(corpora, CLEAN, sizes, clean)]
        wrong = (0.0,) if seed < noisy else ()
        cells += [DrawCell(*each, seed=seed) for each in _kinds(corpora, NOISY, sizes, wrong)]
    return cells


def _kinds(
    corpora: Sequence[str], teacher: str, sizes: Sequence[int], repeated: Sequence[float]
) -> list[tuple[str, str, int, float]]:
    return [(corpus, teacher, size, share) for corpus, size, share in product(corpora, sizes, repeated)]


def unlearnable(corpus: str, count: int) -> list[DrawCell]:
    """`count` draws for each teacher whose labels have nothing to do with the rows."""
    return [
        DrawCell(corpus, teacher, UNLEARNABLE_SIZE, seed=seed)
        for teacher in UNLEARNABLE
        for seed in range(count)
    ]


def draw(cell: DrawCell, pool: Split) -> Draw:
    """The rows of this draw, with this teacher's labels on all of them; the pool has at least `size` + 2."""
    distinct = round(cell.size / (1.0 + cell.repeated))
    left = len(pool) - distinct
    judged = min(JUDGED, left - min(cell.size, left // 2))
    fresh = min(cell.size, left - judged)
    order = np.random.default_rng(cell.seed).permutation(len(pool)).tolist()
    labelled = Split(pool.rows, _labels(cell, pool.labels))
    sent = [*order[:distinct], *order[: cell.size - distinct]]
    shuffled = np.random.default_rng([cell.seed, 5]).permutation(len(sent))
    return Draw(
        labelled.take([sent[place] for place in shuffled]),
        labelled.take(order[distinct : distinct + fresh]),
        labelled.take(order[len(pool) - judged :]),
    )


def _labels(cell: DrawCell, gold: list[str]) -> list[str]:
    if cell.teacher == NOISY:
        return draws.with_wrong_labels(gold, NOISE, cell.seed)
    if cell.teacher == SHUFFLED:
        return draws.shuffle_labels(gold, cell.seed)
    return draws.coin_labels(len(gold), cell.seed) if cell.teacher == COIN else gold
