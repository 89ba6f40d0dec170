"""Simulated lives of a task: refits, promotions, drift, alarms and rollbacks, by the system's own rules.

The question: was a version ever shown as certified while the teacher agreed with less than the target of
what that version had answered? Versions share the error budget. An alarm restores the newest earlier version
that is still certified, else a refit goes live. The gate is a bad one: half of what passes it is a little
below the target.
"""

from dataclasses import dataclass

import numpy as np

from infra.bench.guarantee.certificate import (
    CERTIFICATE,
    Rule,
    certificate_rule,
    clopper_pearson_rule,
    fewest_audits,
)
from infra.bench.guarantee.promise import Generator, Promise, Section
from infra.bench.report import Table, figure, format_share
from models.alarm import Alarm
from models.certificate import budget_share

LIFE = 4000
TO_PROMOTION, TO_DRIFT = 1200, 800
SLOW = 600
RATE = 0.02
WORSE, NEAR = 0.5, 0.2
DEPTHS = (0.01, 0.15)

HIGHEST = "the certificate's highest bound so far"
PEEKED = "Clopper-Pearson at delta for each version"
SERVICE = "the service's certificate"
RULES = (CERTIFICATE, SERVICE, HIGHEST, PEEKED)


@dataclass(frozen=True, slots=True)
class SimulatedDrift:
    """From audit `begin` on, what was fitted before loses `depth` of its agreement, over `length` audits."""

    begin: int
    length: int
    depth: float

    def loss(self, fitted: int, now: int) -> float:
        if now < self.begin or fitted >= self.begin:
            return 0.0
        return self.depth * min(1.0, (now - self.begin + 1) / self.length)


@dataclass(slots=True)
class SimulatedVersion:
    """A version: what it has answered, and its audits.

    Attributes:
        number: 1 for the task's first.
        fitted: when, in audits of the task.
        first: its agreement before any drift.
        answered, agreements: its requests, and on how many the teacher agrees, asked or not.
        audits, misses: those of them that were asked about, and the disagreements among these.
        was_certified: it has been certified before.
    """

    number: int
    fitted: int
    first: float
    alarm: Alarm
    answered: int = 0
    agreements: int = 0
    audits: int = 0
    misses: int = 0
    was_certified: bool = False

    def answer(self, agreement: float, generator: Generator) -> None:
        """Answer requests up to and including the next one that is audited."""
        unaudited = int(generator.geometric(RATE)) - 1
        agreed = bool(generator.random() < agreement)
        self.answered += unaudited + 1
        self.agreements += int(generator.binomial(unaudited, agreement)) + agreed
        self.audits += 1
        self.misses += not agreed
        self.alarm = self.alarm.after(agreed)

    def proves(self, rule: Rule, target: float, delta: float) -> bool:
        """Whether its audits prove the target by this rule."""
        fewest = fewest_audits(rule, target, delta, LIFE)
        return self.misses < len(fewest) and self.audits >= int(fewest[self.misses])

    def is_certified(self, promise: Promise) -> bool:
        return self.proves(certificate_rule, promise.target, budget_share(promise.delta, self.number))

    def certifying_rules(self, promise: Promise) -> list[str]:
        """The rules by which it is certified just now."""
        certified = self.is_certified(promise)
        self.was_certified |= certified
        by_rule = {
            CERTIFICATE: certified,
            HIGHEST: self.was_certified,
            PEEKED: self.proves(clopper_pearson_rule, promise.target, promise.delta),
        }
        return [rule for rule, certifies in by_rule.items() if certifies]


class SimulatedTask:
    """One task, from its first version on.

    Attributes:
        wrong: rules by which a version was certified while it was below the target.
        certified: audits after which the live version was certified; `service`: after which the service was.
        versions, alarms, rollbacks: how many there were.
    """

    def __init__(self, promise: Promise, generator: Generator) -> None:
        self._promise, self._generator = promise, generator
        self._drifts = _drifts(generator)
        self._earlier: list[SimulatedVersion] = []
        self._every: list[SimulatedVersion] = []
        self.wrong: set[str] = set()
        self.certified, self.service, self.versions, self.alarms, self.rollbacks = 0, 0, 0, 0, 0
        self._live = self._refit(0)

    def run(self) -> None:
        """Go through `LIFE` audits."""
        for now in range(LIFE):
            self._audit(now)
            if self._live.alarm.raised:
                self._respond_to_alarm(now)
            elif self._generator.random() < 1 / TO_PROMOTION:
                self._earlier.append(self._live)
                self._live = self._refit(now)

    def _audit(self, now: int) -> None:
        version = self._live
        loss = sum(drift.loss(version.fitted, now) for drift in self._drifts)
        version.answer(max(0.0, version.first - loss), self._generator)
        self._judge_service()
        rules = version.certifying_rules(self._promise)
        self.certified += CERTIFICATE in rules
        if version.agreements < self._promise.target * version.answered:
            self.wrong.update(rules)

    def _judge_service(self) -> None:
        """Judge the answers of all versions together, which one tally counts through all refits."""
        target, every = self._promise.target, self._every
        fewest = fewest_audits(certificate_rule, target, self._promise.delta, LIFE)
        audits, misses = sum(each.audits for each in every), sum(each.misses for each in every)
        if misses < len(fewest) and audits >= int(fewest[misses]):
            self.service += 1
            if sum(each.agreements for each in every) < target * sum(each.answered for each in every):
                self.wrong.add(SERVICE)

    def _respond_to_alarm(self, now: int) -> None:
        self.alarms += 1
        while self._earlier:
            version = self._earlier.pop()
            if version.is_certified(self._promise):
                version.alarm = Alarm.quiet(self._promise.target, self._promise.run_length)
                self._live = version
                self.rollbacks += 1
                return
        self._live = self._refit(now)

    def _refit(self, now: int) -> SimulatedVersion:
        """A new version; half of them are below the target from the start."""
        self.versions += 1
        promise, generator = self._promise, self._generator
        room = 1.0 - promise.target
        worse = generator.random() < WORSE
        above = generator.uniform(-NEAR * room, 0.0) if worse else generator.uniform(0.0, 0.9 * room)
        alarm = Alarm.quiet(promise.target, promise.run_length)
        version = SimulatedVersion(self.versions, now, promise.target + above, alarm)
        self._every.append(version)
        return version


def _drifts(generator: Generator) -> list[SimulatedDrift]:
    """At random times, at once or slowly, slight or gross."""
    begins = np.cumsum(generator.exponential(TO_DRIFT, size=LIFE // TO_DRIFT * 3)).astype(int)
    return [
        SimulatedDrift(int(begin), 1 if generator.random() < 0.5 else SLOW, generator.uniform(*DEPTHS))
        for begin in begins
    ]


def simulate_lives(count: int, promise: Promise, generator: Generator) -> list[SimulatedTask]:
    """`count` tasks, each at the end of its life."""
    tasks = [SimulatedTask(promise, each) for each in generator.spawn(count)]
    for task in tasks:
        task.run()
    return tasks


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures of `count` lives: the share in which each rule certified falsely."""
    tasks = simulate_lives(count, promise, generator)
    wrong = {rule: sum(rule in task.wrong for task in tasks) / count for rule in RULES}
    versions, alarms, rollbacks = np.mean(
        [(each.versions, each.alarms, each.rollbacks) for each in tasks], axis=0
    )
    title = (
        f"{count:,} lives of {LIFE:,} audits with refits, promotions, rollbacks and drift; a life has "
        f"{versions:.1f} versions, {alarms:.1f} alarms, {rollbacks:.1f} rollbacks. Share of lives in which a "
        f"version, or the service, was certified while below {promise.target:g} (at most {promise.delta:g} "
        "may)"
    )
    rows = tuple((rule, format_share(share)) for rule, share in wrong.items())
    name = "lives with a false certificate"
    figures = [
        figure(name, [wrong[CERTIFICATE]], "share", reference, [wrong[reference]])
        for reference in (HIGHEST, PEEKED)
    ]
    certified = sum(each.certified for each in tasks) / (count * LIFE)
    figures.append(figure("lives: audits after which the live version was certified", [certified], "share"))
    service = sum(each.service for each in tasks) / (count * LIFE)
    figures.append(figure("lives: audits after which the service was certified", [service], "share"))
    figures.append(figure("lives with a false certificate of the service", [wrong[SERVICE]], "share"))
    return Table(title, ("certified by", "lives with a false certificate"), rows), figures
