"""What audits cost and what they buy: for each audit rate, how long a proof takes and how long an alarm."""

from dataclasses import dataclass

from infra.bench.guarantee import certificate
from infra.bench.guarantee.alarm import AlarmStreams
from infra.bench.guarantee.alarming import FALLS, delay
from infra.bench.guarantee.certifying import AUDITS, streams
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, figure
from infra.bench.tables import Table, share
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
    """Args:
    proof, alarm: audits that they take.
    """
    audits = REQUESTS * COVERAGE * rate
    return AuditCost(rate, audits, COVERAGE * (1.0 - rate), 24 * proof / audits, 24 * alarm / audits)


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """From the medians of `count` streams."""
    rule = certificate.fewest(certificate.certificate, promise.target, budget_share(promise.delta, 1), AUDITS)
    proof = certificate.median(certificate.first_proof(streams(TRUTH, count, generator), rule))
    alarm = delay(FALL, AlarmStreams.over(count, promise.target, promise.run_length), generator).median
    found = [audit_cost(rate, proof, alarm) for rate in RATES]
    title = (
        f"A day of {REQUESTS:,} requests, {COVERAGE:.0%} of them answered. In the median a first version at "
        f"{TRUTH:g} is certified for {promise.target:g} (delta {budget_share(promise.delta, 1):g}) after "
        f"{format_count(proof)} audits, and a fall to {FALL:g} raises the alarm after {format_count(alarm)}"
    )
    columns = ("audit rate", "audits a day", "teacher not asked", "hours to certify", "hours to the alarm")
    rows = [
        (f"{s.rate:.1%}", format_count(s.audits), share(s.saved), f"{s.to_proof:.2f}", f"{s.to_alarm:.2f}")
        for s in found
    ]
    return Table(title, columns, tuple(rows)), [each for s in found for each in _figures(s)]


def _figures(s: AuditCost) -> list[Figure]:
    return [
        figure(f"audit rate {s.rate:.1%}: audits", [s.audits], "a day"),
        figure(f"audit rate {s.rate:.1%}: teacher not asked", [s.saved], "share of requests"),
        figure(f"audit rate {s.rate:.1%}: to certify", [s.to_proof], "hours"),
        figure(f"audit rate {s.rate:.1%}: to the alarm", [s.to_alarm], "hours"),
    ]
