"""When simulated streams of audits prove the target, by different rules, looked at after every audit.

A rule that reads counts, and that an agreement can only help, is all said by the fewest audits that prove the
target with 0, 1, 2, ... disagreements among them.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, betaln

from models import binomial
from models.certificate import Certificate

Proves = Callable[[int, int, float, float], bool]
Counts = NDArray[np.int64]

NEVER = np.iinfo(np.int64).max


def certificate(audits: int, agreements: int, target: float, delta: float) -> bool:
    """As users are shown it."""
    return Certificate(audits, agreements).certifies(target, delta)


def uniform_mixture(audits: int, agreements: int, target: float, delta: float) -> bool:
    """The e-process with alternatives spread evenly above the target (Robbins 1970)."""
    hits, misses = agreements, audits - agreements
    tail = betaincc(hits + 1, misses + 1, target)
    if tail <= 0.0:
        return False
    mixture = betaln(hits + 1, misses + 1) + np.log(tail) - np.log1p(-target)
    return bool(mixture - hits * np.log(target) - misses * np.log1p(-target) >= -np.log(delta))


def clopper_pearson(audits: int, agreements: int, target: float, delta: float) -> bool:
    """The exact bound for counts that are looked at once."""
    return binomial.p_value(agreements, audits, target) <= delta


def knowing(agreement: float) -> Proves:
    """The sequential probability ratio test (Wald 1945) of one who knows the agreement: none is quicker."""

    def proves(audits: int, agreements: int, target: float, delta: float) -> bool:
        misses = audits - agreements
        ratio = agreements * np.log(agreement / target) + misses * np.log((1 - agreement) / (1 - target))
        return bool(ratio >= -np.log(delta))

    return proves


@cache
def fewest(proves: Proves, target: float, delta: float, most: int) -> Counts:
    """Audits that prove the target with 0, 1, ... disagreements among them, as far as `most` of them do."""
    found: list[int] = []
    while (least := _fewest(proves, target, delta, most, len(found))) is not None:
        found.append(least)
    return np.array(found, dtype=np.int64)


def _fewest(proves: Proves, target: float, delta: float, most: int, misses: int) -> int | None:
    low, high = misses, most
    if not proves(most, most - misses, target, delta):
        return None
    while low < high:
        middle = (low + high) // 2
        if proves(middle, middle - misses, target, delta):
            high = middle
        else:
            low = middle + 1
    return low


def proven(rule: Counts, audits: Counts, misses: Counts) -> NDArray[np.bool_]:
    """Whether counts of any one shape prove the target, by `fewest`."""
    padded = np.append(rule, NEVER)
    return np.asarray(audits >= padded[np.minimum(misses, len(rule))])


def median(first: Counts) -> float:
    """Of what `first_proof` found; infinite where not half of the streams come to one."""
    middle = np.sort(first)[(len(first) - 1) // 2]
    return np.inf if middle == NEVER else float(middle)


def first_proof(agrees: Sequence[NDArray[np.bool_]], rule: Counts) -> Counts:
    """Audits to the first proof in each stream, `NEVER` where there is none.

    Args:
        agrees: blocks of streams, each [streams, audits].
    """
    found = []
    for block in agrees:
        shown = _shown(block, rule)
        found.append(np.where(shown.any(axis=1), shown.argmax(axis=1) + 1, NEVER))
    return np.concatenate(found)


def standing(agrees: Sequence[NDArray[np.bool_]], rule: Counts) -> float:
    """Share of the audits from a stream's first proof on after which the proof stood, in the mean.

    NaN where no stream came to one.
    """
    stood = since = 0
    for block in agrees:
        shown = _shown(block, rule)
        stood += int(np.count_nonzero(shown))
        since += int(np.count_nonzero(np.logical_or.accumulate(shown, axis=1)))
    return stood / since if since else float("nan")


def _shown(block: NDArray[np.bool_], rule: Counts) -> NDArray[np.bool_]:
    """Whether the target is proven after each audit, [streams, audits]."""
    return proven(rule, np.arange(1, block.shape[1] + 1), np.cumsum(~block, axis=1))
