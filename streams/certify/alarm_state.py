"""State of one version's alarm: its two detectors, the counts that explain a raised one, outcomes that wait.

The detector of labels takes every label of an audit once, whichever teacher gives it, in the order of asking.
Replies that come out of order would cluster: where disagreements come late, the end of a burst of traffic
brings many of them without the agreements between them, which looks like a fall. So an outcome waits until
all audits that were asked before it are answered, but never longer than `PATIENCE`: an audit that is never
answered would otherwise blind the alarm. What is passed over is taken when its reply comes.

The detector of silence takes all audits of a span of asking at once (`Block`), when it is known of each of
them whether it has a label: those that the teacher failed on or passed by have none (`models.alarm`).

A raised alarm starts again at once, and the state remembers that it was raised.
"""

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from models.alarm import Alarm, quiet_alarms, spread
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
        label: that the surrogate gave; None of an overdue one, which an earlier release has left.
        at: Unix milliseconds of the reply.
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
        labels: counts since then, for each label that the surrogate gave; none where silence explains it.
        audits: since then, where silence explains it, `unanswered` of them without a label; else 0.
    """

    since: int | None = None
    labels: Mapping[str, Certificate] = {}
    audits: int = 0
    unanswered: int = 0


class Block(Struct, frozen=True, array_like=True):
    """Audits that were asked within one span of time."""

    agreements: int = 0
    disagreements: int = 0
    unanswered: int = 0

    def plus(self, other: "Block") -> "Block":
        return Block(
            self.agreements + other.agreements,
            self.disagreements + other.disagreements,
            self.unanswered + other.unanswered,
        )

    @property
    def audits(self) -> int:
        return self.agreements + self.disagreements + self.unanswered


class SilenceState(Struct, frozen=True):
    """The detector of silence as it stands; attributes as those of `AlarmState`."""

    target: float = 0.0
    evidence: tuple[float, ...] = ()
    drift: float = 0.0
    begun: RaisedAlarm = RaisedAlarm()


class AlarmState(Struct, frozen=True):
    """The alarm as it stands, and the counts that explain a raised one.

    Attributes:
        target, evidence: of the detector of labels (`models.alarm.Alarm`).
        drift: Page's statistic against twice the disagreements that the target allows; such a fall has most
            likely begun when it was last 0 (Page 1954).
        begun: that time, and the counts since then.
        raised: alarms raised so far.
        last: the newest of them.
        silence: the detector of silence.
    """

    target: float = 0.0
    evidence: tuple[float, ...] = ()
    drift: float = 0.0
    begun: RaisedAlarm = RaisedAlarm()
    raised: int = 0
    last: RaisedAlarm = RaisedAlarm()
    silence: SilenceState = SilenceState()

    def alarm(self, config: Config) -> Alarm:
        """The detector of labels as it stands. Another target starts it again, another run length does not.

        Evidence of another form, which an earlier release may have left, starts it again too.
        """
        quiet, _ = _quiet(config)
        return _restored(quiet, self.target, self.evidence)

    def silence_alarm(self, config: Config) -> Alarm | None:
        """The detector of silence as it stands; None where silence never counts."""
        _, quiet = _quiet(config)
        return None if quiet is None else _restored(quiet, self.silence.target, self.silence.evidence)

    def level(self, config: Config) -> float:
        """The higher level of the two."""
        silence = self.silence_alarm(config)
        return max(self.alarm(config).level, 0.0 if silence is None else silence.level)

    def restarted(self) -> "AlarmState":
        """The state as after an alarm: without evidence."""
        return AlarmState(raised=self.raised, last=self.last)

    def after_block(self, block: Block, since: int, config: Config) -> "AlarmState":
        """The state once the detector of silence has taken a block.

        What is left of a block that raises the alarm is not taken.

        Args:
            since: Unix milliseconds at which it begins.
        """
        alarm = self.silence_alarm(config)
        if alarm is None or not block.audits:
            return self
        before = self.silence if self.silence.target == alarm.target else SilenceState()
        begun = before.begun if before.drift > 0.0 else RaisedAlarm(since)
        begun = RaisedAlarm(
            begun.since,
            audits=begun.audits + block.audits,
            unanswered=begun.unanswered + block.unanswered,
        )
        order = list(spread(block.agreements, block.disagreements + block.unanswered))
        alarm = alarm.after_many(order)
        if alarm.raised:
            return AlarmState(raised=self.raised + 1, last=begun)
        drift, steps = before.drift, {one: _log_ratio(one, alarm.target) for one in (False, True)}
        for agreed in order:
            drift = max(0.0, drift + steps[agreed])
        return replace(self, silence=SilenceState(alarm.target, alarm.suspicion, drift, begun))

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
        return AlarmState(raised=before.raised + 1, last=begun)
    return replace(before, target=target, evidence=alarm.suspicion, drift=drift, begun=begun)


def _quiet(config: Config) -> tuple[Alarm, Alarm | None]:
    return quiet_alarms(config.target_agreement, config.alarm_run_length, config.alarm_silence)


def _restored(quiet: Alarm, target: float, evidence: tuple[float, ...]) -> Alarm:
    """The quiet alarm with this evidence, if it is about the same target."""
    usable = target == quiet.target and len(evidence) == len(quiet.suspicion)
    return Alarm(target, evidence, quiet.run_length) if usable else quiet


def with_label(labels: Mapping[str, Certificate], label: str, agreed: bool) -> dict[str, Certificate]:
    """The counts with one more audit of an answer with this label."""
    before = labels.get(label, Certificate())
    return {**labels, label: Certificate(before.audits + 1, before.agreements + agreed)}


def _log_ratio(agreed: bool, target: float) -> float:
    """Log likelihood ratio of a severe fall to the target, for one audit."""
    allowed = 1.0 - target
    severe = min(_SEVERE * allowed, (1.0 + allowed) / 2)
    return math.log((1.0 - severe) / target) if agreed else math.log(severe / allowed)
