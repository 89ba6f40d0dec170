"""What answering locally saves, with every assumption in sight."""

from msgspec import Struct

REQUESTS = 100_000
PRICE = 0.001
AUDIT_RATE = 0.02


class Saving(Struct, frozen=True):
    """A day of traffic.

    Attributes:
        answered: requests that the teacher is not asked for an answer.
        audits: of those, requests that it is asked all the same, to keep watch.
        money: saved, in the currency of the price.
    """

    answered: float
    audits: float
    money: float


class Choice(Struct, frozen=True):
    """A certified target, and what share of the requests is answered at it."""

    target: float
    coverage: float


class Cost(Struct, frozen=True):
    """The assumptions that the page starts with, and what follows from them.

    Attributes:
        requests: a day.
        price: of one of the teacher's answers.
        audit_rate: share of the answered requests that is put to the teacher too.
        choices: certified targets, highest first.
        target: the one shown first.
        saving: a day of it.
    """

    requests: int
    price: float
    audit_rate: float
    choices: tuple[Choice, ...]
    target: float
    saving: Saving


def saving(coverage: float, requests: float, price: float, audit_rate: float) -> Saving:
    """A deferred request costs what it cost before; an audited one is answered, and paid for."""
    answered = coverage * requests
    audits = answered * audit_rate
    return Saving(answered, audits, (answered - audits) * price)


def cost(choices: tuple[Choice, ...], target: float) -> Cost:
    """`target` is one of the choices'."""
    coverage = next(choice.coverage for choice in choices if choice.target == target)
    ranked = tuple(sorted(choices, key=lambda choice: -choice.target))
    return Cost(REQUESTS, PRICE, AUDIT_RATE, ranked, target, saving(coverage, REQUESTS, PRICE, AUDIT_RATE))
