"""Changed audit rates: a certificate of the rate-weighted average counts all audits, whatever the rate was.

The reference counts a thinned sample: each audit with the probability that the lowest rate would have drawn
it too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.bench.guarantee.certificate import NEVER, certificate_rule, fewest_audits, is_proven, median_audits
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, Table, figure, format_share

AUDITS = 3_000
TRUE = 0.98
LOW, MIDDLE, HIGH = 0.01, 0.02, 0.05
FEW = AUDITS // 10

Rate = Callable[[int, NDArray[np.bool_]], NDArray[np.float64]]
"""(number of the audit, whether each stream is certified) -> audit rate of each stream."""


def _constant(_number: int, certified: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.full(len(certified), MIDDLE)


def _automatic(_number: int, certified: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(certified, LOW, HIGH)


def _raised(number: int, certified: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.full(len(certified), LOW if number < FEW else HIGH)


def _lowered(number: int, certified: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.full(len(certified), HIGH if number < FEW else LOW)


RATES: Mapping[str, tuple[Rate, float]] = {
    f"{MIDDLE:.0%} throughout": (_constant, MIDDLE),
    f"auto, {HIGH:.0%} until certified, then {LOW:.0%}": (_automatic, LOW),
    f"raised from {LOW:.0%} to {HIGH:.0%} after {FEW} audits": (_raised, LOW),
    f"lowered from {HIGH:.0%} to {LOW:.0%} after {FEW} audits": (_lowered, LOW),
}
"""Ways to set the rate, and the lowest rate of each."""


@dataclass(frozen=True, slots=True)
class RateResult:
    """What streams came to, [streams].

    Attributes:
        wrong: it was certified while its rate-weighted average agreement was at most the target.
        requests: answered until it was certified first; `NEVER` where it never was.
        thinned: the same, counting a thinned sample.
    """

    wrong: NDArray[np.bool_]
    requests: NDArray[np.int64]
    thinned: NDArray[np.int64]


def simulate(name: str, agreement: float, count: int, promise: Promise, generator: Generator) -> RateResult:
    """`count` streams of `AUDITS` audits at one mean agreement, which goes up and down every 500 requests.

    Args:
        name: one of `RATES`.
    """
    rate, lowest = RATES[name]
    fewest = fewest_audits(certificate_rule, promise.target, promise.delta, AUDITS)
    answered, misses, kept, kept_misses = (np.zeros(count, dtype=np.int64) for _ in range(4))
    weight, weighted = np.zeros(count), np.zeros(count)
    certified, wrong = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    requests, thinned = np.full(count, NEVER), np.full(count, NEVER)
    swing = (1.0 - agreement) / 2
    for number in range(1, AUDITS + 1):
        rates = rate(number, certified)
        chance = np.where(answered // 500 % 2, agreement - swing, agreement + swing)
        unaudited = generator.geometric(rates) - 1
        agreed = generator.random(count) < chance
        weight += rates * (unaudited + 1)
        weighted += rates * (generator.binomial(unaudited, chance) + agreed)
        answered += unaudited + 1
        misses += ~agreed
        drawn = generator.random(count) < lowest / rates
        kept += drawn
        kept_misses += drawn & ~agreed
        certified = is_proven(fewest, np.full(count, number), misses)
        wrong |= certified & (weighted <= promise.target * weight)
        requests = np.where(certified & (requests == NEVER), answered, requests)
        proven = is_proven(fewest, kept, kept_misses)
        thinned = np.where(proven & (thinned == NEVER), answered, thinned)
    return RateResult(wrong, requests, thinned)


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures of `count` streams for each way to set the rate."""
    rows, figures = [], list[Figure]()
    for name in RATES:
        false = float(simulate(name, promise.target, count, promise, generator).wrong.mean())
        true = simulate(name, TRUE, count, promise, generator)
        both = [median_audits(true.requests), median_audits(true.thinned)]
        rows.append((name, format_share(false), *map(format_count, both)))
        figures.append(figure(f"audit rate {name}: certified falsely", [false], "share of streams"))
        figures.append(
            figure(f"audit rate {name}: to certify", both[:1], "requests", "a thinned sample", both[1:])
        )
    title = (
        f"Audit rates that change, {count:,} streams of {AUDITS:,} audits whose agreement goes up and down: "
        f"share certified while the rate-weighted average is at most {promise.target:g} (mean agreement "
        f"{promise.target:g}), and median answers until certified (mean agreement {TRUE:g}), counting all "
        "audits, and a sample thinned to the lowest rate"
    )
    columns = ("audit rate", "false", "answers to certify, all audits", "a thinned sample")
    return Table(title, columns, tuple(rows)), figures
