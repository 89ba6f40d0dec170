"""Certificate of the service: audits that it takes through refits, beside those of its versions.

One tally for all versions spends delta once; the certificate of version k spends `budget_share(delta, k)`.
"""

from infra.bench.guarantee.certificate import (
    AUDITS,
    TRUTHS,
    certificate_rule,
    fewest_audits,
    first_proof,
    median_audits,
    simulate_streams,
)
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Table, figure
from models.certificate import budget_share

VERSIONS = (1, 2, 3, 10)


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures of `count` streams at each agreement."""
    budgets = {"the service, all versions": promise.delta} | {
        f"version {number}": budget_share(promise.delta, number) for number in VERSIONS
    }
    streams = {truth: simulate_streams(truth, count, generator) for truth in TRUTHS}
    medians = {
        name: [
            median_audits(
                first_proof(streams[truth], fewest_audits(certificate_rule, promise.target, delta, AUDITS))
            )
            for truth in TRUTHS
        ]
        for name, delta in budgets.items()
    }
    title = (
        f"Median audits to certify {promise.target:g}, {count:,} streams: the service once, through all "
        f"refits, at delta {promise.delta:g}; version k at delta / (k (k + 1))"
    )
    columns = ("certificate of", *(f"agreement {truth:g}" for truth in TRUTHS))
    rows = tuple((name, *map(format_count, values)) for name, values in medians.items())
    figures = [
        figure(f"audits to certify {promise.target:g} at {truth:g}, {name}", [value], "audits")
        for name, values in medians.items()
        for truth, value in zip(TRUTHS, values, strict=True)
    ]
    return Table(title, columns, rows), figures
