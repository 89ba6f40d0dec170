"""Whole lives of a task: refits, promotions, drift, alarms and rollbacks, by the system's own rules.

What is asked: was a version ever shown as certified while the teacher agreed with less than the target of
what that version had answered? Versions share the error budget. An alarm restores the newest earlier version
whose own certificate still stands, else a refit goes live. The gate is a bad one: half of what it lets
through is a little below the target.
"""

from dataclasses import dataclass

import numpy as np

from infra.bench.guarantee import certificate
from infra.bench.guarantee.promise import Generator, Promise, Section
from infra.bench.report import figure
from infra.bench.tables import Table, share
from models.certificate import Alarm, budget_share

LIFE = 4000
TO_PROMOTION, TO_DRIFT = 1200, 800
SLOW = 600
RATE = 0.02
WORSE, NEAR = 0.5, 0.2
DEPTHS = (0.01, 0.15)

CERTIFICATE = "certificate"
HIGHEST = "the certificate's highest bound so far"
PEEKED = "Clopper-Pearson at delta for each version"
RULES = (CERTIFICATE, HIGHEST, PEEKED)


@dataclass(frozen=True, slots=True)
class SimulatedDrift:
    """From audit `begin` on, what was fitted before loses `depth` of its agreement, over `length` audits."""

    begin: int
    length: int
    depth: float

    def harm(self, fitted: int, now: int) -> float:
        if now < self.begin or fitted >= self.begin:
            return 0.0
        return self.depth * min(1.0, (now - self.begin + 1) / self.length)


@dataclass(slots=True)
class SimulatedVersion:
    """What a version has answered, and what is known of it.

    Attributes:
        number: 1 for the task's first.
        fitted: when, in audits of the task.
        first: its agreement before any drift.
        answered, agreements: its requests, and on how many the teacher agrees, asked or not.
        audits, misses: those of them that were asked about, and the disagreements among these.
        once: its certificate has been shown before.
    """

    number: int
    fitted: int
    first: float
    alarm: Alarm
    answered: int = 0
    agreements: int = 0
    audits: int = 0
    misses: int = 0
    once: bool = False

    def answer(self, agreement: float, generator: Generator) -> None:
        """Answer requests up to the next that is audited, that one too."""
        unseen = int(generator.geometric(RATE)) - 1
        agreed = bool(generator.random() < agreement)
        self.answered += unseen + 1
        self.agreements += int(generator.binomial(unseen, agreement)) + agreed
        self.audits += 1
        self.misses += not agreed
        self.alarm = self.alarm.after(agreed)

    def proven(self, proves: certificate.Proves, target: float, delta: float) -> bool:
        rule = certificate.fewest(proves, target, delta, LIFE)
        return self.misses < len(rule) and self.audits >= int(rule[self.misses])

    def certified(self, promise: Promise) -> bool:
        return self.proven(certificate.certificate, promise.target, budget_share(promise.delta, self.number))

    def shown(self, promise: Promise) -> list[str]:
        """The rules by which it is certified just now."""
        stands = self.certified(promise)
        self.once |= stands
        by = {
            CERTIFICATE: stands,
            HIGHEST: self.once,
            PEEKED: self.proven(certificate.clopper_pearson, promise.target, promise.delta),
        }
        return [rule for rule, shows in by.items() if shows]


class SimulatedTask:
    """One task, from its first version on.

    Attributes:
        wrong: rules by which a version was shown as certified while it was below the target.
        certified: audits after which the live version was shown with a certificate.
        versions, alarms, rollbacks: how many there were.
    """

    def __init__(self, promise: Promise, generator: Generator) -> None:
        self._promise, self._generator = promise, generator
        self._drifts = _drifts(generator)
        self._earlier: list[SimulatedVersion] = []
        self.wrong: set[str] = set()
        self.certified, self.versions, self.alarms, self.rollbacks = 0, 0, 0, 0
        self._live = self._refitted(0)

    def live(self) -> None:
        """A life of `LIFE` audits."""
        for now in range(LIFE):
            self._audit(now)
            if self._live.alarm.raised:
                self._alarmed(now)
            elif self._generator.random() < 1 / TO_PROMOTION:
                self._earlier.append(self._live)
                self._live = self._refitted(now)

    def _audit(self, now: int) -> None:
        version = self._live
        harm = sum(drift.harm(version.fitted, now) for drift in self._drifts)
        version.answer(max(0.0, version.first - harm), self._generator)
        shown = version.shown(self._promise)
        self.certified += CERTIFICATE in shown
        if version.agreements < self._promise.target * version.answered:
            self.wrong.update(shown)

    def _alarmed(self, now: int) -> None:
        self.alarms += 1
        while self._earlier:
            version = self._earlier.pop()
            if version.certified(self._promise):
                version.alarm = Alarm.quiet(self._promise.target, self._promise.run_length)
                self._live = version
                self.rollbacks += 1
                return
        self._live = self._refitted(now)

    def _refitted(self, now: int) -> SimulatedVersion:
        """A new version; half of them are below the target from the start."""
        self.versions += 1
        promise, generator = self._promise, self._generator
        slack = 1.0 - promise.target
        worse = generator.random() < WORSE
        room = generator.uniform(-NEAR * slack, 0.0) if worse else generator.uniform(0.0, 0.9 * slack)
        alarm = Alarm.quiet(promise.target, promise.run_length)
        return SimulatedVersion(self.versions, now, promise.target + room, alarm)


def _drifts(generator: Generator) -> list[SimulatedDrift]:
    """At random times, at once or slowly, slight or gross."""
    begins = np.cumsum(generator.exponential(TO_DRIFT, size=LIFE // TO_DRIFT * 3)).astype(int)
    return [
        SimulatedDrift(int(begin), 1 if generator.random() < 0.5 else SLOW, generator.uniform(*DEPTHS))
        for begin in begins
    ]


def lives(count: int, promise: Promise, generator: Generator) -> list[SimulatedTask]:
    """So many lives, lived to their end."""
    tasks = [SimulatedTask(promise, each) for each in generator.spawn(count)]
    for task in tasks:
        task.live()
    return tasks


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """`count` lives, and by which rules they were shown what was not so."""
    tasks = lives(count, promise, generator)
    wrong = {rule: sum(rule in task.wrong for task in tasks) / count for rule in RULES}
    versions, alarms, rollbacks = np.mean(
        [(each.versions, each.alarms, each.rollbacks) for each in tasks], axis=0
    )
    title = (
        f"{count:,} lives of {LIFE:,} audits with refits, promotions, rollbacks and drift; a life has "
        f"{versions:.1f} versions, {alarms:.1f} alarms, {rollbacks:.1f} rollbacks. Share of lives in which a "
        f"version was shown as certified while below {promise.target:g} (at most {promise.delta:g} may)"
    )
    rows = tuple((rule, share(found)) for rule, found in wrong.items())
    name = "lives with a false certificate"
    figures = [
        figure(name, [wrong[CERTIFICATE]], "share", reference, [wrong[reference]])
        for reference in (HIGHEST, PEEKED)
    ]
    shown = sum(each.certified for each in tasks) / (count * LIFE)
    figures.append(figure("lives: audits after which a certificate stood", [shown], "share"))
    return Table(title, ("shown by", "wrong"), rows), figures
