"""Savings of a surrogate: the price of the teacher's calls that were not made."""

from msgspec import Struct


class Saving(Struct, frozen=True):
    """What a surrogate saves of a number of requests.

    Attributes:
        answered: requests that the surrogate answers.
        audits: answered requests that the teacher labels too, to check the answers.
        money: price of the calls that are not made, in the currency of the price.
    """

    answered: float
    audits: float
    money: float


def saving(coverage: float, requests: float, price: float, audit_rate: float) -> Saving:
    """The saving on `requests`. Only an answered request that is not audited saves a call.

    Args:
        coverage: share of the requests that the surrogate answers, in [0, 1].
        price: of one call of the teacher, in any currency. The surrogate's own cost is not counted.
        audit_rate: share of the answered requests that the teacher labels too, in [0, 1].
    """
    answered = coverage * requests
    audits = answered * audit_rate
    return Saving(answered, audits, saved_cost(answered, audits, price))


def saved_cost(requests: float, teacher_calls: float, price: float) -> float:
    """Price of `requests` as one call each, less the calls that were made; at least 0.

    Args:
        requests: for example those that the surrogate answers, or all.
        teacher_calls: calls that were made for these requests, audits included.
        price: of one call, in any currency. The surrogate's own cost is not counted.
    """
    return max(0.0, requests - teacher_calls) * price
