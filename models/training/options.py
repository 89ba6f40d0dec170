"""Options of a fit, checked when they are made."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.surrogates.kinds import KINDS

BUDGET = 12.0


@dataclass(frozen=True, slots=True)
class Options:
    """How far a fit searches, and which labels it blocks.

    Attributes:
        surrogates: kinds that may be tried, see `models.surrogates.zoo`; None for all but those that are
            tried only if named. Some kinds are learned always, named or not.
        budget: seconds after which no further kind of surrogate is tried, > 0.
        label_floor: a label is blocked if its agreement is proven to be lower than this, in [0, 1].
        curve: how long the learning curve may take, as a share of what the fit took, >= 0; 0 for none.
        residual: also try a second surrogate that learns from what the first would defer.
        recurring: repeated texts are requests of their own, which come again as often: the gate counts each,
            scored by models that have learned from earlier ones (`models.training.folds`). Where repeats
            depend on each other, such as retries, or a call that is logged twice, the gate would be wrong.

    Raises:
        ValueError: one of them is out of range, or there is no such surrogate.
    """

    surrogates: Sequence[str] | None = None
    budget: float = BUDGET
    label_floor: float = 0.8
    curve: float = 0.3
    residual: bool = True
    recurring: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.surrogates or ()) - set(KINDS))
        if unknown:
            raise ValueError(f"surrogates: unknown kind {', '.join(unknown)}; choose from {', '.join(KINDS)}")
        if not self.budget > 0:
            raise ValueError(f"budget: must be above 0 s, not {self.budget}")
        if not 0.0 <= self.label_floor <= 1.0:
            raise ValueError(f"label_floor: must be from 0 to 1, not {self.label_floor}")
        if not self.curve >= 0.0:
            raise ValueError(f"curve: must be 0 or more, not {self.curve}")

    def allows(self, kind: str, by_name: bool) -> bool:
        """Whether a kind may be tried; `by_name` if it is tried only if named."""
        return not by_name if self.surrogates is None else kind in self.surrogates
