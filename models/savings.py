"""Savings of a surrogate: the price of the teacher's calls that were not made."""


def saved_cost(requests: float, teacher_calls: float, price: float) -> float:
    """Price of `requests` as one call each, less the calls that were made; at least 0.

    Args:
        requests: for example those that the surrogate answers, or all.
        teacher_calls: of those requests, the calls that were made all the same, audits included.
        price: of one call, in any currency. The surrogate's own cost is not counted.
    """
    return max(0.0, requests - teacher_calls) * price
