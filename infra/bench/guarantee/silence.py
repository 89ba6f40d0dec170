"""Audits without a label: a teacher that is away, fails on some, or fails where the surrogate is wrong.

Fifty audits in five minutes go through the real steps of `certify` (`streams.certify.step`), five minutes at
a time, and their outcomes come in the next five. Only Redis is replaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from infra.bench.guarantee.certificate import NEVER
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, Table, figure, format_share
from models.certificate import budget_share
from schemas.config import Config
from schemas.messages import Teacher
from streams.certify.observations import (
    AuditFailed,
    AuditReply,
    AuditRequested,
    LogPosition,
    Observations,
    TraceSeen,
)
from streams.certify.pending_audits import FAILED, PendingAudits
from streams.certify.snapshot import Snapshot
from streams.certify.status import CertificateStatus
from streams.certify.step import step

PERIOD, BEGIN, AUDITS = 300_000, 10_000_000_000, 50
_A_PERIOD, _AN_HOUR = 5, 12
VERSION, LIVES_A_STREAM = "v1", 50
_TEACHER = Teacher("m", "p")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the teacher does.

    Attributes:
        agreement: of its labels, or what they would be.
        failing: share of the audits on which it fails for good.
        where_wrong: it fails on all audits on which it would disagree, and on no other.
        away: periods for which it answers nothing, from the period `since` on; then it answers all.
        periods: of the whole life.
        target: that is promised.
    """

    name: str
    agreement: float
    failing: float = 0.0
    where_wrong: bool = False
    away: int = 0
    since: int = _AN_HOUR
    periods: int = 5 * _AN_HOUR
    target: float = 0.95


SCENARIOS = (
    Scenario("away for 6 h", 1.0, away=6 * _AN_HOUR, periods=8 * _AN_HOUR),
    Scenario("fails on 5 %", 0.99, failing=0.05, target=0.9),
    Scenario("fails on 60 %", 0.99, failing=0.6, target=0.9),
    Scenario("fails where it is wrong", 0.93, where_wrong=True),
)


@dataclass(slots=True)
class CertifiedLife:
    """A version's state while the steps of `certify` go on, kept as Redis keeps it."""

    config: Config
    snapshot: Snapshot = field(default_factory=Snapshot)
    scores: dict[str, float] = field(default_factory=dict)
    steps: int = 0

    def step(self, observations: Observations, now: int, passed: int) -> CertificateStatus:
        """The status after a step."""
        self.steps += 1
        scores = np.array(list(self.scores.values()))
        waiting = scores[(scores > 0.0) & (scores < FAILED)]
        pending = PendingAudits(
            pending=len(waiting),
            overdue=int((waiting <= now - self.config.audit_overdue * 1000).sum()),
            passed_by=int((waiting <= passed).sum()),
            failed=int((scores >= FAILED).sum()),
            scores=self.scores,
        )
        before = self.snapshot
        held = Snapshot(before.task_state, before.version_states, before.statuses, {VERSION: pending})
        outcome = step("t", held, observations, self.config, now, complete=True, passed=passed)
        change = outcome.versions.get(VERSION)
        if change is not None:
            self.scores.update(change.pending_update.scores)
            self.snapshot = Snapshot(
                outcome.task_state, {VERSION: change.version_state}, {VERSION: change.status}
            )
        return self.snapshot.statuses.get(VERSION, CertificateStatus())


def statuses(scenario: Scenario, promise: Promise, generator: Generator) -> Iterator[CertificateStatus]:
    """The status after each period of one life."""
    config = Config(
        target_agreement=scenario.target, delta=promise.delta, alarm_run_length=promise.run_length
    )
    life, due = CertifiedLife(config), list[int]()
    count = scenario.periods * AUDITS
    agreed = generator.random(count) < scenario.agreement
    failed = ~agreed if scenario.where_wrong else generator.random(count) < scenario.failing
    passed = BEGIN
    for period in range(scenario.periods):
        now, new = BEGIN + period * PERIOD, range(period * AUDITS, (period + 1) * AUDITS)
        if scenario.since <= period < scenario.since + scenario.away:
            yield life.step(Observations(asked=[_asked(one, now) for one in new]), now, passed)
        else:
            observations = Observations(
                asked=[_asked(one, now) for one in new],
                answered=[_reply(one, bool(agreed[one]), now) for one in due if not failed[one]],
                failed=[_failure(one, now) for one in due if failed[one]],
            )
            yield life.step(observations, now, passed)
            # From now on, all outcomes of what was asked before are read.
            due, passed = [], now - PERIOD
        due += new


@dataclass(frozen=True, slots=True)
class Told:
    """What lives were told.

    Attributes:
        alarmed, certified: period of the first alarm and of the first certificate, `NEVER` without any.
        suspended: periods for which the claim was suspended.
        ends_certified: whether the last period is.
    """

    alarmed: NDArray[np.int64]
    certified: NDArray[np.int64]
    suspended: NDArray[np.int64]
    ends_certified: NDArray[np.bool_]


def tell(scenario: Scenario, lives: int, promise: Promise, generator: Generator) -> Told:
    """Live so many lives."""
    told = [list(statuses(scenario, promise, generator)) for _ in range(lives)]
    return Told(
        alarmed=np.array([_first(one.alarms > 0 for one in life) for life in told]),
        certified=np.array([_first(one.certified for one in life) for life in told]),
        suspended=np.array([sum(bool(one.suspended) for one in life) for life in told]),
        ends_certified=np.array([life[-1].certified for life in told]),
    )


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures of `count` / 50 lives of each scenario."""
    lives = max(2, count // LIVES_A_STREAM)
    rows, figures = [], list[Figure]()
    for scenario in SCENARIOS:
        told = tell(scenario, lives, promise, generator)
        alarmed, certified = (float(np.mean(one != NEVER)) for one in (told.alarmed, told.certified))
        medians = [_median(told.certified), _median(told.alarmed)]
        ends = float(told.ends_certified.mean())
        rows.append(
            (
                scenario.name,
                f"{scenario.agreement:g}",
                f"{scenario.target:g}",
                format_share(certified),
                format_count(AUDITS * medians[0]),
                format_count(_A_PERIOD * float(np.median(told.suspended))),
                format_share(ends),
                format_share(alarmed),
                format_count(AUDITS * medians[1]),
            )
        )
        figures += [
            figure(f"teacher {scenario.name}: certified", [certified], "share of lives"),
            figure(f"teacher {scenario.name}: certified at the end", [ends], "share of lives"),
            figure(f"teacher {scenario.name}: alarm", [alarmed], "share of lives"),
        ]
    title = (
        f"Audits without a label, {AUDITS} audits in {_A_PERIOD} minutes, a first version at "
        f"{budget_share(promise.delta, 1):g}, {lives:,} lives each: share that is ever certified, median "
        "audits until then, median minutes for which the claim is suspended, share certified at the end, "
        "share with an alarm, median audits until then"
    )
    columns = (
        "teacher",
        "agreement",
        "target",
        "certified",
        "audits",
        "minutes suspended",
        "at the end",
        "alarm",
        "audits to it",
    )
    return Table(title, columns, tuple(rows)), figures


def _first(happened: Iterator[bool]) -> int:
    return next((period for period, one in enumerate(happened) if one), int(NEVER))


def _median(periods: NDArray[np.int64]) -> float:
    middle = int(np.sort(periods)[(len(periods) - 1) // 2])
    return float("inf") if middle == NEVER else float(middle)


def _asked(number: int, now: int) -> AuditRequested:
    return AuditRequested(LogPosition("audits:0", number), VERSION, f"r{number}", now)


def _reply(number: int, agreed: bool, now: int) -> TraceSeen:
    audit = AuditReply(f"r{number}", now, now, "yes", agreed)
    return TraceSeen(LogPosition("traces:0", number), _TEACHER, now, VERSION, audit)


def _failure(number: int, now: int) -> AuditFailed:
    return AuditFailed(LogPosition("failures:0", number), VERSION, f"r{number}", now, "refused")
