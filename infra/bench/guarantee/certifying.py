"""How often a target is certified that is not exceeded, and how many audits it takes where it is.

The certificate is judged beside a Clopper-Pearson bound that is looked at as often, beside an e-process with
a uniform mixture, and beside the quickest test there is, which knows the agreement beforehand.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infra.bench.guarantee import certificate
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, figure
from infra.bench.tables import Table, share

AUDITS = 5_000
TRUTHS = (0.97, 0.98, 0.99)
CERTIFICATE, UNIFORM = "certificate", "uniform mixture"
PEEKED, KNOWING = "Clopper-Pearson after every audit", "test that knows the agreement"
STANDING = "certificate stands from then on"
RULES = {
    CERTIFICATE: certificate.certificate,
    UNIFORM: certificate.uniform_mixture,
    PEEKED: certificate.clopper_pearson,
}
_BLOCK = 250


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """`count` streams at each agreement."""
    false = _false(count, promise, generator)
    medians = [_medians(truth, count, promise, generator) for truth in TRUTHS]
    stood = [_standing(truth, count, promise, generator) for truth in TRUTHS]
    title = (
        f"Certifying {promise.target:g} at delta {promise.delta:g}, looked at after each of {AUDITS:,} "
        f"audits, {count:,} streams: share certified at {promise.target:g}, median audits to certify at more"
    )
    columns = ("", f"at {promise.target:g}", *(f"at {truth:g}" for truth in TRUTHS))
    rows = [
        (name, share(false.get(name)), *(format_count(each[name]) for each in medians)) for name in medians[0]
    ]
    rows.append((STANDING, "-", *map(share, stood)))
    found = [
        figure(f"{STANDING}, {truth:g}", [each], "share of audits")
        for truth, each in zip(TRUTHS, stood, strict=True)
    ]
    return Table(title, columns, tuple(rows)), _figures(promise.target, false, medians) + found


def _figures(target: float, false: dict[str, float], medians: Sequence[dict[str, float]]) -> list[Figure]:
    name = f"false certification in {AUDITS} audits at {target:g}"
    found = [figure(name, [false[CERTIFICATE]], "share", PEEKED, [false[PEEKED]])]
    for truth, median in zip(TRUTHS, medians, strict=True):
        for reference in (UNIFORM, KNOWING):
            name, value = f"audits to certify {target:g} at {truth:g}", median[CERTIFICATE]
            found.append(figure(name, [value], "audits", reference, [median[reference]]))
    return found


def _false(count: int, promise: Promise, generator: Generator) -> dict[str, float]:
    exactly = streams(promise.target, count, generator)
    return {
        name: float(np.mean(_first(proves, exactly, promise) != certificate.NEVER))
        for name, proves in RULES.items()
    }


def _medians(truth: float, count: int, promise: Promise, generator: Generator) -> dict[str, float]:
    better = streams(truth, count, generator)
    rules = RULES | {KNOWING: certificate.knowing(truth)}
    return {name: certificate.median(_first(proves, better, promise)) for name, proves in rules.items()}


def _standing(truth: float, count: int, promise: Promise, generator: Generator) -> float:
    rule = certificate.fewest(certificate.certificate, promise.target, promise.delta, AUDITS)
    return certificate.standing(streams(truth, count, generator), rule)


def _first(
    proves: certificate.Proves, audited: Sequence[NDArray[np.bool_]], promise: Promise
) -> NDArray[np.int64]:
    return certificate.first_proof(audited, certificate.fewest(proves, promise.target, promise.delta, AUDITS))


def streams(agreement: float, count: int, generator: Generator) -> list[NDArray[np.bool_]]:
    """Whether the teacher agrees, `count` times `AUDITS`, in blocks [streams, audits]."""
    sizes = [min(_BLOCK, count - begin) for begin in range(0, count, _BLOCK)]
    return [generator.random((size, AUDITS)) < agreement for size in sizes]
