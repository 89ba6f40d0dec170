"""Cost of audits: for each audit rate, the teacher calls it takes, and the hours to certify and to alarm."""

from dataclasses import dataclass

from infra.bench.guarantee.alarm import FALLS, AlarmStreams, alarm_delay
from infra.bench.guarantee.certificate import (
    AUDITS,
    certificate_rule,
    fewest_audits,
    first_proof,
    median_audits,
    simulate_streams,
)
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, Table, figure, format_share
from models.certificate import budget_share

REQUESTS, COVERAGE = 1_000_000, 0.8
RATES = (0.005, 0.01, 0.02, 0.05)
TRUTH, FALL = 0.98, FALLS[0]


@dataclass(frozen=True, slots=True)
class AuditCost:
    """A day at one audit rate: `REQUESTS`, of which the surrogate answers the share `COVERAGE`.

    Attributes:
        rate: share of the requests that are audited.
        audits: requests that are answered and put to the teacher all the same.
        saved: share of all requests for which the teacher is not asked.
        to_proof: hours until a first version is certified, in the median.
        to_alarm: hours from a fall to the alarm, in the median.
    """

    rate: float
    audits: float
    saved: float
    to_proof: float
    to_alarm: float


def audit_cost(rate: float, proof: float, alarm: float) -> AuditCost:
    """A day at this rate.

    Args:
        proof, alarm: audits that they take.
    """
    audits = REQUESTS * COVERAGE * rate
    return AuditCost(rate, audits, COVERAGE * (1.0 - rate), 24 * proof / audits, 24 * alarm / audits)


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures from the medians of `count` streams."""
    delta = budget_share(promise.delta, 1)
    fewest = fewest_audits(certificate_rule, promise.target, delta, AUDITS)
    proof = median_audits(first_proof(simulate_streams(TRUTH, count, generator), fewest))
    streams = AlarmStreams.begin(count, promise.target, promise.run_length)
    alarm = alarm_delay(FALL, streams, generator).median
    costs = [audit_cost(rate, proof, alarm) for rate in RATES]
    title = (
        f"A day of {REQUESTS:,} requests, {COVERAGE:.0%} of them answered. In the median a first version of "
        f"agreement {TRUTH:g} is certified for {promise.target:g} (delta {delta:g}) after "
        f"{format_count(proof)} audits, and a fall to {FALL:g} raises the alarm after {format_count(alarm)}"
    )
    columns = ("audit rate", "audits a day", "teacher not asked", "hours to certify", "hours to the alarm")
    rows = [
        (
            f"{cost.rate:.1%}",
            format_count(cost.audits),
            format_share(cost.saved),
            f"{cost.to_proof:.2f}",
            f"{cost.to_alarm:.2f}",
        )
        for cost in costs
    ]
    return Table(title, columns, tuple(rows)), [each for cost in costs for each in _figures(cost)]


def _figures(cost: AuditCost) -> list[Figure]:
    return [
        figure(f"audit rate {cost.rate:.1%}: audits", [cost.audits], "a day"),
        figure(f"audit rate {cost.rate:.1%}: teacher not asked", [cost.saved], "share of requests"),
        figure(f"audit rate {cost.rate:.1%}: to certify", [cost.to_proof], "hours"),
        figure(f"audit rate {cost.rate:.1%}: to the alarm", [cost.to_alarm], "hours"),
    ]
