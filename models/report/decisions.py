"""Decision on each trace at one threshold, in the order in which a router looks for a reason to defer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.study import Study


@dataclass(frozen=True, slots=True)
class Decisions:
    """All n traces of a study; each is exactly one of these.

    Attributes:
        answered: bool [n].
        novel: bool [n], deferred because unlike anything seen.
        blocked: bool [n], deferred because its guess is never answered.
        low_score: bool [n], deferred because the score is below the threshold, or because there is none.
    """

    answered: NDArray[np.bool_]
    novel: NDArray[np.bool_]
    blocked: NDArray[np.bool_]
    low_score: NDArray[np.bool_]


def decide(study: Study, threshold: float | None) -> Decisions:
    """`threshold` None answers nothing."""
    high = np.zeros(len(study), dtype=np.bool_) if threshold is None else study.scores >= threshold
    novel = study.novelty > study.novelty_limit
    return Decisions(
        answered=study.eligible & high,
        novel=~study.eligible & novel,
        blocked=~study.eligible & ~novel,
        low_score=study.eligible & ~high,
    )
