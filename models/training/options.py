"""What a fit may be told beyond its traces, checked at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.surrogates.zoo import KINDS

BUDGET = 12.0


@dataclass(frozen=True, slots=True)
class Options:
    """How far a fit goes.

    Attributes:
        surrogates: kinds that may be tried, see `models.surrogates.zoo`; None for all but those that are
            tried only by name. The ones that are always learned are learned whatever is named.
        budget: seconds after which no further kind of surrogate is tried, > 0.
        label_floor: a label whose answers prove to agree less often than this is never answered, in [0, 1].
        curve: how long the learning curve may take, as a share of what the fit took, >= 0; 0 for none.
        residual: also try a second surrogate that learns from what the first would defer.

    Raises:
        ValueError: one of them is out of range, or there is no such surrogate.
    """

    surrogates: Sequence[str] | None = None
    budget: float = BUDGET
    label_floor: float = 0.8
    curve: float = 0.3
    residual: bool = True

    def __post_init__(self) -> None:
        unknown = sorted(set(self.surrogates or ()) - set(KINDS))
        if unknown:
            raise ValueError(
                f"surrogates: no such kind as {', '.join(unknown)}; there are {', '.join(KINDS)}"
            )
        if not self.budget > 0:
            raise ValueError(f"budget: {self.budget} s is not above 0")
        if not 0.0 <= self.label_floor <= 1.0:
            raise ValueError(f"label_floor: {self.label_floor} is not between 0 and 1")
        if not self.curve >= 0.0:
            raise ValueError(f"curve: {self.curve} is below 0")

    def allows(self, kind: str, by_name: bool) -> bool:
        return not by_name if self.surrogates is None else kind in self.surrogates
