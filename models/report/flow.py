"""Flow of requests: the share that the surrogate answers, and why it defers the others to the teacher."""

import numpy as np
from msgspec import Struct

from models.report.decisions import decide
from models.study import Study


class Flow(Struct, frozen=True):
    """Counts of the sampled traces that the gate tested, by what a router would do with them.

    Attributes:
        total: all of them.
        answered, agreements: answered by the surrogate; on how many of those the teacher agrees.
        low_score, novel, blocked: deferred, by reason.
        certified: a threshold passed the gate; without one everything is deferred.
    """

    total: int
    answered: int
    agreements: int
    low_score: int
    novel: int
    blocked: int
    certified: bool

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """Answered, and deferred by reason; `total` in all."""
        return self.answered, self.low_score, self.novel, self.blocked


def flow(study: Study, threshold: float | None) -> Flow:
    """`threshold` None: refused, all to the teacher."""
    decided, counted = decide(study, threshold), study.gate_rows
    answered = decided.answered & counted
    return Flow(
        total=int(np.sum(counted)),
        answered=int(np.sum(answered)),
        agreements=int(np.sum(answered & study.agrees)),
        low_score=int(np.sum(decided.low_score & counted)),
        novel=int(np.sum(decided.novel & counted)),
        blocked=int(np.sum(decided.blocked & counted)),
        certified=threshold is not None,
    )
