"""How many audits it takes, as a rule, until a policy's certificate stands."""

import numpy as np

from models.certificate import Certificate, budget_share

STREAMS = 401
MOST_AUDITS = 1_000_000
MOST_MISSES = 1_000


def median_audits(agreement: float, target: float, delta: float, seed: int = 0) -> int | None:
    """Audits after which half of the first versions with this agreement are certified.

    Args:
        agreement: of the answers with the teacher, in [0, 1].
        target: agreement to be proven while live, in (0, 1).
        delta: the task's error budget, of which its first version spends its share.

    Returns:
        None where half of them are not certified within `MOST_MISSES` disagreements.
    """
    if agreement <= target:
        return None
    generator, budget = np.random.default_rng(seed), budget_share(delta, 1)
    missed = np.zeros(STREAMS, dtype=np.int64)
    done: list[int] = []
    enough = 1
    for misses in range(MOST_MISSES):
        enough = _enough(misses, enough, target, budget)
        since, missed = missed, missed + generator.geometric(max(1.0 - agreement, 1e-12), len(missed))
        certified = missed > enough
        done += np.maximum(enough, since[certified]).tolist()
        missed = missed[~certified]
        if len(done) > STREAMS // 2:
            return sorted(done)[STREAMS // 2]
    return None


def _enough(misses: int, least: int, target: float, budget: float) -> int:
    """Fewest audits, `least` or more, that frontier_points with so many disagreements among them."""

    def certified(audits: int) -> bool:
        return Certificate(audits, audits - misses).certifies(target, budget)

    low, high = max(least, misses), MOST_AUDITS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if certified(middle) else (middle + 1, high)
    return low
