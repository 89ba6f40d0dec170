"""Rows drawn with a fixed seed: the same seed gives the same rows to every contestant, on every machine."""

from collections.abc import Sequence

import numpy as np

from infra.bench.banking import Split


def subsets(split: Split, size: int, count: int) -> list[Split]:
    """`count` uniform samples of `size` rows each, without replacement inside a sample."""
    return [split.take(_order(len(split), seed)[:size]) for seed in range(count)]


def resampled(pool: Split, size: int, seed: int) -> tuple[Split, Split]:
    """A uniform sample of `size` rows to learn from, and all the others to judge on."""
    order = _order(len(pool), seed)
    return pool.take(order[:size]), pool.take(order[size:])


def noisy(labels: Sequence[str], share: float, seed: int) -> list[str]:
    """A teacher who errs: each label is replaced, with probability `share`, by any of the others."""
    numbers = np.random.default_rng([seed, 1])
    names = sorted(set(labels))
    place = {name: index for index, name in enumerate(names)}
    errs = numbers.random(len(labels)) < share
    steps = numbers.integers(1, len(names), len(labels))
    return [
        names[(place[label] + step) % len(names)] if wrong else label
        for label, wrong, step in zip(labels, errs.tolist(), steps.tolist(), strict=True)
    ]


def shuffled(labels: Sequence[str], seed: int) -> list[str]:
    """The same labels on other rows, so that no row tells anything about its label."""
    return [labels[row] for row in np.random.default_rng([seed, 2]).permutation(len(labels))]


def coin(count: int, seed: int) -> list[str]:
    """Two labels, one as likely as the other, whatever the row."""
    return ["heads" if toss else "tails" for toss in np.random.default_rng([seed, 3]).random(count) < 0.5]


def _order(rows: int, seed: int) -> list[int]:
    order: list[int] = np.random.default_rng(seed).permutation(rows).tolist()
    return order
