"""Certificates on simulated audits: how often a false one is shown, and how many audits a true one takes.

Streams are looked at after every audit. The certificate is compared with a Clopper-Pearson bound that is
looked at as often, with an e-process of a uniform mixture, and with the quickest test there is, which knows
the agreement beforehand. A rule that reads counts, and that an agreement can only help, is fully described by
the fewest audits that prove the target with 0, 1, 2, ... disagreements among them.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, betaln

from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, Table, figure, format_share
from models import binomial
from models.certificate import Certificate

Rule = Callable[[int, int, float, float], bool]
"""(audits, agreements, target, delta) -> whether they prove the target."""
Counts = NDArray[np.int64]
Streams = Sequence[NDArray[np.bool_]]
"""Whether the teacher agrees, in blocks [streams, audits]."""

NEVER = np.iinfo(np.int64).max
AUDITS = 5_000
TRUTHS = (0.97, 0.98, 0.99)
CERTIFICATE, UNIFORM = "certificate", "uniform mixture"
PEEKED, KNOWING = "Clopper-Pearson after every audit", "test that knows the agreement"
STANDING = "share of later audits at which it is certified"
_BLOCK = 250


def certificate_rule(audits: int, agreements: int, target: float, delta: float) -> bool:
    """The rule of the live system."""
    return Certificate(audits, agreements).certifies(target, delta)


def uniform_mixture_rule(audits: int, agreements: int, target: float, delta: float) -> bool:
    """The e-process with alternatives spread evenly above the target (Robbins 1970)."""
    hits, misses = agreements, audits - agreements
    tail = betaincc(hits + 1, misses + 1, target)
    if tail <= 0.0:
        return False
    mixture = betaln(hits + 1, misses + 1) + np.log(tail) - np.log1p(-target)
    return bool(mixture - hits * np.log(target) - misses * np.log1p(-target) >= -np.log(delta))


def clopper_pearson_rule(audits: int, agreements: int, target: float, delta: float) -> bool:
    """The exact bound for counts that are looked at once."""
    return binomial.p_value(agreements, audits, target) <= delta


RULES = {
    CERTIFICATE: certificate_rule,
    UNIFORM: uniform_mixture_rule,
    PEEKED: clopper_pearson_rule,
}


def knowing_rule(agreement: float) -> Rule:
    """The sequential probability ratio test (Wald 1945) of one who knows the agreement: none is quicker."""

    def proves(audits: int, agreements: int, target: float, delta: float) -> bool:
        misses = audits - agreements
        ratio = agreements * np.log(agreement / target) + misses * np.log((1 - agreement) / (1 - target))
        return bool(ratio >= -np.log(delta))

    return proves


@cache
def fewest_audits(rule: Rule, target: float, delta: float, most: int) -> Counts:
    """Audits that prove the target with 0, 1, ... disagreements among them, as far as `most` of them do."""
    fewest: list[int] = []
    while (least := _fewest_with(rule, target, delta, most, len(fewest))) is not None:
        fewest.append(least)
    return np.array(fewest, dtype=np.int64)


def _fewest_with(rule: Rule, target: float, delta: float, most: int, misses: int) -> int | None:
    low, high = misses, most
    if not rule(most, most - misses, target, delta):
        return None
    while low < high:
        middle = (low + high) // 2
        if rule(middle, middle - misses, target, delta):
            high = middle
        else:
            low = middle + 1
    return low


def is_proven(fewest: Counts, audits: Counts, misses: Counts) -> NDArray[np.bool_]:
    """Whether counts of any one shape prove the target, by `fewest_audits`."""
    padded = np.append(fewest, NEVER)
    return np.asarray(audits >= padded[np.minimum(misses, len(fewest))])


def first_proof(streams: Streams, fewest: Counts) -> Counts:
    """Audits to the first proof in each stream, `NEVER` where there is none."""
    first = []
    for block in streams:
        proven = _proven_after_each(block, fewest)
        first.append(np.where(proven.any(axis=1), proven.argmax(axis=1) + 1, NEVER))
    return np.concatenate(first)


def median_audits(first: Counts) -> float:
    """Median of `first_proof`; infinite where fewer than half of the streams come to a proof."""
    middle = np.sort(first)[(len(first) - 1) // 2]
    return np.inf if middle == NEVER else float(middle)


def certified_share(streams: Streams, fewest: Counts) -> float:
    """Share of the audits from a stream's first proof on after which the target is proven, in the mean.

    NaN where no stream comes to a proof.
    """
    certified = since = 0
    for block in streams:
        proven = _proven_after_each(block, fewest)
        certified += int(np.count_nonzero(proven))
        since += int(np.count_nonzero(np.logical_or.accumulate(proven, axis=1)))
    return certified / since if since else float("nan")


def _proven_after_each(block: NDArray[np.bool_], fewest: Counts) -> NDArray[np.bool_]:
    """Whether the target is proven after each audit, [streams, audits]."""
    return is_proven(fewest, np.arange(1, block.shape[1] + 1), np.cumsum(~block, axis=1))


def simulate_streams(agreement: float, count: int, generator: Generator) -> Streams:
    """`count` streams of `AUDITS` audits."""
    sizes = [min(_BLOCK, count - begin) for begin in range(0, count, _BLOCK)]
    return [generator.random((size, AUDITS)) < agreement for size in sizes]


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures of `count` streams at each agreement."""
    false = _false_shares(count, promise, generator)
    medians = [_medians(truth, count, promise, generator) for truth in TRUTHS]
    certified = [_certified_share(truth, count, promise, generator) for truth in TRUTHS]
    title = (
        f"Certificates for {promise.target:g} at delta {promise.delta:g}, looked at after each of {AUDITS:,} "
        f"audits, {count:,} streams: share falsely certified where the agreement is {promise.target:g}, "
        "median audits to certify where it is higher"
    )
    columns = ("rule", f"agreement {promise.target:g}", *(f"agreement {truth:g}" for truth in TRUTHS))
    rows = [
        (name, format_share(false.get(name)), *(format_count(each[name]) for each in medians))
        for name in medians[0]
    ]
    rows.append((STANDING, "-", *map(format_share, certified)))
    figures = _figures(promise.target, false, medians)
    figures += [
        figure(f"{STANDING}, {truth:g}", [each], "share of audits")
        for truth, each in zip(TRUTHS, certified, strict=True)
    ]
    return Table(title, columns, tuple(rows)), figures


def _figures(target: float, false: dict[str, float], medians: Sequence[dict[str, float]]) -> list[Figure]:
    name = f"false certification in {AUDITS} audits at {target:g}"
    figures = [figure(name, [false[CERTIFICATE]], "share", PEEKED, [false[PEEKED]])]
    for truth, median in zip(TRUTHS, medians, strict=True):
        for reference in (UNIFORM, KNOWING):
            name, value = f"audits to certify {target:g} at {truth:g}", median[CERTIFICATE]
            figures.append(figure(name, [value], "audits", reference, [median[reference]]))
    return figures


def _false_shares(count: int, promise: Promise, generator: Generator) -> dict[str, float]:
    """Share of the streams that each rule certifies at the target itself, which is not above it."""
    streams = simulate_streams(promise.target, count, generator)
    return {
        name: float(np.mean(_first_proof(rule, streams, promise) != NEVER)) for name, rule in RULES.items()
    }


def _medians(truth: float, count: int, promise: Promise, generator: Generator) -> dict[str, float]:
    streams = simulate_streams(truth, count, generator)
    rules = RULES | {KNOWING: knowing_rule(truth)}
    return {name: median_audits(_first_proof(rule, streams, promise)) for name, rule in rules.items()}


def _certified_share(truth: float, count: int, promise: Promise, generator: Generator) -> float:
    fewest = fewest_audits(certificate_rule, promise.target, promise.delta, AUDITS)
    return certified_share(simulate_streams(truth, count, generator), fewest)


def _first_proof(rule: Rule, streams: Streams, promise: Promise) -> Counts:
    return first_proof(streams, fewest_audits(rule, promise.target, promise.delta, AUDITS))
