"""Trials that a proof takes. Needs no scipy, so that what only routes does not load it."""

import numpy as np


def fewest_trials(target: float, delta: float) -> int:
    """Trials that prove `target` at level delta if all of them agree."""
    return int(np.ceil(np.log(delta) / np.log(target)))
