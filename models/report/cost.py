"""Cost that the surrogate saves, with every assumption in sight."""

from msgspec import Struct

from models.savings import saved_cost

REQUESTS = 100_000
PRICE = 0.001
AUDIT_RATE = 0.02


class Saving(Struct, frozen=True):
    """A day of traffic.

    Attributes:
        answered: requests that the surrogate answers.
        audits: of those, requests that the teacher is asked all the same, to check the answers.
        money: saved, in the currency of the price.
    """

    answered: float
    audits: float
    money: float


class Choice(Struct, frozen=True):
    """A target that passed the gate, and the coverage at it."""

    target: float
    coverage: float


class Cost(Struct, frozen=True):
    """The assumptions that the page starts with, and what follows from them.

    Attributes:
        requests: a day.
        price: of one of the teacher's answers, in `currency`.
        audit_rate: share of the answered requests that is put to the teacher too.
        choices: targets that passed the gate, highest first.
        target: the one shown first.
        saving: a day of it.
        currency: a sign or a word before amounts.
    """

    requests: int
    price: float
    audit_rate: float
    choices: tuple[Choice, ...]
    target: float
    saving: Saving
    currency: str


def saving(coverage: float, requests: float, price: float, audit_rate: float) -> Saving:
    """A deferred request costs what it cost before; an audited one is answered, and paid for."""
    answered = coverage * requests
    audits = answered * audit_rate
    return Saving(answered, audits, saved_cost(answered, audits, price))


def cost(choices: tuple[Choice, ...], target: float, currency: str) -> Cost:
    """`target` is one of the choices'."""
    coverage = next(choice.coverage for choice in choices if choice.target == target)
    ranked = tuple(sorted(choices, key=lambda choice: -choice.target))
    money = saving(coverage, REQUESTS, PRICE, AUDIT_RATE)
    return Cost(REQUESTS, PRICE, AUDIT_RATE, ranked, target, money, currency)
