"""Exact binomial tails and bounds (Clopper and Pearson 1934): no approximation, at any count."""

from scipy.special import betainc, betaincinv


def p_value(agreements: int, trials: int, target: float) -> float:
    """Chance of this many agreements or more in `trials` if each has probability `target`.

    A small value is evidence against "agreement is at most the target". 1.0 without trials.
    """
    return 1.0 if agreements == 0 else float(betainc(agreements, trials - agreements + 1, target))


def shortfall(agreements: int, trials: int, target: float) -> float:
    """Chance of this many agreements or fewer at `target`: a small value is evidence of a lower agreement."""
    return 1.0 if agreements == trials else float(1.0 - betainc(agreements + 1, trials - agreements, target))


def lower(agreements: int, trials: int, delta: float) -> float:
    """Largest agreement that the counts rule out at one-sided level delta; 0.0 without agreements."""
    return 0.0 if agreements == 0 else float(betaincinv(agreements, trials - agreements + 1, delta))


def upper(agreements: int, trials: int, delta: float) -> float:
    """Smallest agreement ruled out from above at one-sided level delta; 1.0 without disagreements."""
    return (
        1.0 if agreements == trials else float(betaincinv(agreements + 1, trials - agreements, 1.0 - delta))
    )
