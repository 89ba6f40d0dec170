"""The answer to one request, and why the surrogate gave it or did not."""

from dataclasses import dataclass
from typing import Literal

DecisionReason = Literal[
    "accepted", "low_score", "novel", "blocked_label", "uncertified", "no_policy", "unscored"
]
"""Why the surrogate answers (`accepted`) or defers.

- `low_score`: the score is below the threshold.
- `novel`: the request is unlike anything in the traces, or no label suits it.
- `blocked_label`: the surrogate's label is never answered.
- `uncertified`: no threshold of the policy passed the gate at this target.
- `no_policy`: the router has none.
- `unscored`: the policy could not score the request; a log line says why.
"""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one request.

    Attributes:
        label: the surrogate's or the fallback's; None where the surrogate deferred and there is no fallback.
        source: who gave the label; None where nobody did.
        reason: why the surrogate answered, or why it deferred.
        id: the request's, as in the trace log.
        guess: the surrogate's own label, also where it deferred; None where it made none.
        score: of that guess, in [0, 1]: probability that the teacher agrees; None likewise.
        policy: version that decided; None without a policy.
        audited: the surrogate answered, and the fallback was asked as well, to check it.
    """

    label: str | None
    source: Literal["surrogate", "fallback"] | None
    reason: DecisionReason
    id: str
    guess: str | None = None
    score: float | None = None
    policy: str | None = None
    audited: bool = False

    @property
    def answered(self) -> bool:
        """Whether the surrogate answered."""
        return self.source == "surrogate"

    def __str__(self) -> str:
        return "" if self.label is None else self.label
