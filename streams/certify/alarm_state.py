"""State of one version's alarm: the detector, the counts that explain a raised one, and outcomes that wait.

The alarm takes every audit once, whichever teacher answers, in the order of asking. Replies that come out of
order would cluster: where disagreements come late, the end of a burst of traffic brings many of them without
the agreements between them, which looks like a fall. So an outcome waits until all audits that were asked
before it are answered, but never longer than `PATIENCE`: an audit that is never answered would otherwise
blind the alarm. What is passed over is taken when its reply comes, or as a disagreement once it is overdue.

A raised alarm starts again at once, and the state remembers that it was raised.
"""

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct

from models.alarm import Alarm
from models.certificate import Certificate
from schemas.config import Config

PATIENCE = 180_000
"""Milliseconds after its asking from which on an audit without a reply is not waited for."""

_MOST_WAITING = 5_000
_SEVERE = 2.0


class Outcome(Struct, frozen=True, array_like=True):
    """The outcome of an audit, before the alarm has taken it.

    Attributes:
        asked: Unix milliseconds at which certify noted the audit; where it was not waited for, those at which
            the reply was read.
        request: its id, which breaks ties; empty where it was not waited for.
        label: that the surrogate gave; None where no reply has come.
        at: Unix milliseconds of the reply; without one, of its being overdue.
    """

    asked: int
    request: str
    label: str | None
    agreed: bool
    at: int

    @property
    def place(self) -> tuple[int, str]:
        """Its place in the order of asking."""
        return self.asked, self.request


class RaisedAlarm(Struct, frozen=True):
    """An alarm that was raised.

    Attributes:
        since: Unix milliseconds at which the fall has most likely begun; None where no audit says.
        labels: counts since then, for each label that the surrogate gave.
    """

    since: int | None = None
    labels: Mapping[str, Certificate] = {}


class AlarmState(Struct, frozen=True):
    """The alarm as it stands, and the counts that explain a raised one.

    Attributes:
        target, evidence: of the alarm (`models.alarm.Alarm`).
        drift: Page's statistic against twice the disagreements that the target allows; such a fall has most
            likely begun when it was last 0 (Page 1954).
        begun: that time, and the counts since then.
        raised: alarms raised so far.
        last: the newest of them.
    """

    target: float = 0.0
    evidence: tuple[float, ...] = ()
    drift: float = 0.0
    begun: RaisedAlarm = RaisedAlarm()
    raised: int = 0
    last: RaisedAlarm = RaisedAlarm()

    def alarm(self, config: Config) -> Alarm:
        """The alarm as it stands. Another target starts it again, another run length does not.

        Evidence of another form, which an earlier release may have left, starts it again too.
        """
        target, run_length = config.target_agreement, config.alarm_run_length
        quiet = Alarm.quiet(target, run_length)
        usable = self.target == target and len(self.evidence) == len(quiet.suspicion)
        return Alarm(target, self.evidence, run_length) if usable else quiet

    def restarted(self) -> "AlarmState":
        """The state as after an alarm: without evidence."""
        return AlarmState(raised=self.raised, last=self.last)

    def after(self, outcomes: Iterable[Outcome], config: Config) -> "AlarmState":
        """The state after these outcomes, one after the other."""
        after = self
        for outcome in outcomes:
            after = _after_outcome(after, outcome, config)
        return after


def ready(waiting: Iterable[Outcome], frontier: int | None) -> tuple[list[Outcome], tuple[Outcome, ...]]:
    """The outcomes that the alarm takes now, and those that wait, both in the order of asking.

    Args:
        frontier: Unix milliseconds; an audit that was asked then is waited for. None where none is.
    """
    ordered = sorted(waiting, key=lambda one: one.place)
    due = sum(frontier is None or one.asked < frontier for one in ordered)
    due = max(due, len(ordered) - _MOST_WAITING)
    return ordered[:due], tuple(ordered[due:])


def _after_outcome(before: AlarmState, outcome: Outcome, config: Config) -> AlarmState:
    target, agreed, at = config.target_agreement, outcome.agreed, outcome.at
    alarm = before.alarm(config).after(agreed)
    restarts = before.target != target
    drift = max(0.0, (0.0 if restarts else before.drift) + _log_ratio(agreed, target))
    begun = RaisedAlarm(at)
    if drift > 0.0:
        earlier = RaisedAlarm() if restarts else before.begun
        labels = (
            earlier.labels if outcome.label is None else with_label(earlier.labels, outcome.label, agreed)
        )
        begun = RaisedAlarm(at if earlier.since is None else earlier.since, labels)
    if alarm.raised:
        return AlarmState(target, Alarm.quiet(target).suspicion, raised=before.raised + 1, last=begun)
    return AlarmState(target, alarm.suspicion, drift, begun, before.raised, before.last)


def with_label(labels: Mapping[str, Certificate], label: str, agreed: bool) -> dict[str, Certificate]:
    """The counts with one more audit of an answer with this label."""
    before = labels.get(label, Certificate())
    return {**labels, label: Certificate(before.audits + 1, before.agreements + agreed)}


def _log_ratio(agreed: bool, target: float) -> float:
    """Log likelihood ratio of a severe fall to the target, for one audit."""
    allowed = 1.0 - target
    severe = min(_SEVERE * allowed, (1.0 + allowed) / 2)
    return math.log((1.0 - severe) / target) if agreed else math.log(severe / allowed)
