"""Audits needed until a policy is certified: the median over simulated versions."""

import numpy as np

from models.certificate import Certificate, budget_share

STREAMS = 401
MOST_AUDITS = 1_000_000
MOST_MISSES = 1_000


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
    generator, budget = np.random.default_rng(seed), budget_share(delta, 1)
    next_miss = np.zeros(STREAMS, dtype=np.int64)
    audits: list[int] = []
    needed = 1
    for misses in range(MOST_MISSES):
        needed = _fewest_audits(misses, needed, target, budget)
        last_miss = next_miss
        next_miss = last_miss + generator.geometric(max(1.0 - agreement, 1e-12), len(last_miss))
        certified = next_miss > needed
        audits += np.maximum(needed, last_miss[certified]).tolist()
        next_miss = next_miss[~certified]
        if len(audits) > STREAMS // 2:
            return sorted(audits)[STREAMS // 2]
    return None


def _fewest_audits(misses: int, least: int, target: float, budget: float) -> int:
    """Fewest audits, `least` or more, that certify with this number of disagreements among them."""

    def certified(audits: int) -> bool:
        return Certificate(audits, audits - misses).certifies(target, budget)

    low, high = max(least, misses), MOST_AUDITS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if certified(middle) else (middle + 1, high)
    return low
