"""Audits needed until a policy is certified: over simulated versions, new ones or one with audits so far."""

from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.certificate import Certificate, budget_share

STREAMS = 401
MOST_AUDITS = 1_000_000
MOST_MISSES = 1_000
LIKELY = (0.1, 0.9)
_FURTHER_MISSES = 400


class AuditsAhead(Struct, frozen=True):
    """Further audits until a target is certified.

    Attributes:
        target: agreement to be proven.
        least, likely, most: after that many, a tenth, half and nine tenths of the lives that go on from here
            are certified; None where so few of them get there within the next few hundred disagreements.
        chance: share of the lives that do.
    """

    target: float
    least: int | None
    likely: int | None
    most: int | None
    chance: float


def median_audits(agreement: float, target: float, delta: float, seed: int = 0) -> int | None:
    """Audits after which half of the first versions with this agreement are certified.

    Args:
        agreement: of the answers with the teacher, in [0, 1].
        target: agreement to be proven by live audits, in (0, 1).
        delta: the task's error budget; its first version spends a share of it.

    Returns:
        None if half of them are not certified within `MOST_MISSES` disagreements.
    """
    if agreement <= target:
        return None
    generator = np.random.default_rng(seed)
    agreements = np.full(STREAMS, agreement)
    audits = _audits_until(
        Certificate(), agreements, target, budget_share(delta, 1), STREAMS // 2 + 1, MOST_MISSES, generator
    )
    return audits[STREAMS // 2] if len(audits) > STREAMS // 2 else None


@lru_cache(maxsize=1024)
def audits_ahead(
    counts: Certificate, replies: Certificate, target: float, level: float, seed: int = 0
) -> AuditsAhead | None:
    """Further audits until the target is certified, if the agreement stays what it is; 0 where it is now.

    What it is, nobody knows: each simulated life draws its agreement from what the replies leave possible
    (Jeffreys' prior), and then its audits. So the interval is wide after a few replies.

    Args:
        counts: that the certificate rests on, audits without a label as disagreements.
        replies: that tell of the agreement; None is returned where there are none.
        target: agreement to be proven, in (0, 1).
        level: probability of error at which it has to be proven, in (0, 1).
    """
    if not replies.audits:
        return None
    if counts.certifies(target, level):
        return AuditsAhead(target, 0, 0, 0, 1.0)
    generator = np.random.default_rng(seed)
    hits, misses = replies.agreements, replies.audits - replies.agreements
    agreements = generator.beta(hits + 0.5, misses + 0.5, STREAMS)
    enough = int(LIKELY[1] * STREAMS) + 1
    audits = _audits_until(counts, agreements, target, level, enough, _FURTHER_MISSES, generator)
    ahead = [until - counts.audits for until in audits]

    def quantile(share: float) -> int | None:
        place = int(share * STREAMS)
        return ahead[place] if place < len(ahead) else None

    return AuditsAhead(
        target, quantile(LIKELY[0]), quantile(0.5), quantile(LIKELY[1]), min(1.0, len(ahead) / STREAMS)
    )


def _audits_until(
    counts: Certificate,
    agreements: NDArray[np.float64],
    target: float,
    level: float,
    enough: int,
    most_misses: int,
    generator: np.random.Generator,
) -> list[int]:
    """Audits in all at which lives that go on from the counts are certified, fewest first.

    Lives that are certified later than the first `enough` of them may be missing.

    Args:
        agreements: of the lives, one each.
        most_misses: disagreements after which a life is given up.
    """
    chances = np.maximum(1.0 - agreements, 1e-12)
    next_miss = np.full(len(agreements), counts.audits, dtype=np.int64)
    first = counts.audits - counts.agreements
    audits: list[int] = []
    least = max(1, counts.audits)
    for misses in range(first, first + most_misses):
        needed = _fewest_audits(misses, least, target, level)
        if needed is None:
            break
        least = needed
        last_miss = next_miss
        next_miss = last_miss + generator.geometric(chances, len(last_miss))
        certified = next_miss > needed
        audits += [needed] * int(certified.sum())
        next_miss, chances = next_miss[~certified], chances[~certified]
        if len(audits) >= enough or not len(next_miss):
            break
    return audits


def _fewest_audits(misses: int, least: int, target: float, budget: float) -> int | None:
    """Fewest audits, `least` or more, that certify with this number of disagreements among them.

    None if `MOST_AUDITS` further ones do not.
    """

    def certified(audits: int) -> bool:
        return Certificate(audits, audits - misses).certifies(target, budget)

    low = high = max(least, misses)
    end, step = low + MOST_AUDITS, 16
    while not certified(high):
        if high >= end:
            return None
        low, high, step = high + 1, min(end, high + step), 2 * step
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if certified(middle) else (middle + 1, high)
    return low
