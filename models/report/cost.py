"""Cost of the teacher that the surrogate saves in a day, with every assumption in sight."""

from msgspec import Struct

from models.savings import Saving, saving

REQUESTS_A_DAY = 100_000
PRICE = 0.001
AUDIT_RATE = 0.02


class TargetCoverage(Struct, frozen=True):
    """A target that passed the gate, and the coverage at it."""

    target: float
    coverage: float


class Cost(Struct, frozen=True):
    """The assumptions that the page starts with, and what follows from them.

    Attributes:
        requests: number of requests a day.
        price: of one call of the teacher, in `currency`.
        audit_rate: share of the answered requests that the teacher labels too.
        choices: targets that passed the gate, highest first.
        target: the target that is shown first.
        saving: in a day, at this target.
        currency: a sign or a word before amounts.
    """

    requests: int
    price: float
    audit_rate: float
    choices: tuple[TargetCoverage, ...]
    target: float
    saving: Saving
    currency: str


def cost(choices: tuple[TargetCoverage, ...], target: float, currency: str) -> Cost:
    """The cost with these choices; `target`, the one shown first, is one of theirs."""
    coverage = next(choice.coverage for choice in choices if choice.target == target)
    ranked = tuple(sorted(choices, key=lambda choice: -choice.target))
    money = saving(coverage, REQUESTS_A_DAY, PRICE, AUDIT_RATE)
    return Cost(REQUESTS_A_DAY, PRICE, AUDIT_RATE, ranked, target, money, currency)
