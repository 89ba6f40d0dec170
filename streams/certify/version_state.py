"""What is kept of one version's audits, and how an audit changes it. Nothing here follows from the rest.

Counts are kept for each teacher that answered: another teacher makes another certificate. A certificate
counts the audits below the lowest rate that its life may see (`models.certificate.in_thinned_sample`), which
is fixed when it begins; where the operator goes below that, a new one begins. Each has a number of its
own among all of its task, and spends the share of the error budget that goes with it.

The alarm takes every audit once, whoever answers, in the order in which they are folded: with its reply, or
as a disagreement when that is overdue. Where it is raised it starts anew at once, and what is kept says that
it was: so the state depends neither on where batches begin and end, nor on when somebody answers the alarm.
"""

import math
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from models.alarm import Alarm
from models.certificate import Certificate, in_thinned_sample
from schemas.config import AUTO, Config
from streams.certify.observations import AuditReply

_TEACHERS = 8
_SEVERE = 2.0


class CertificateCounts(Struct, frozen=True):
    """The counts that one certificate rests on.

    Attributes:
        number: of this certificate among those of its task, from 1.
        rate: lowest audit rate that its life may see, in [0, 1].
        audits, agreements: of the draws below `rate`.
        labels: the same, for each label that the surrogate gave.
        certified: whether it was, when that was last told; and the target for which replies have `lost` it.
        blocked: labels that these counts have blocked.
    """

    number: int
    rate: float
    audits: int = 0
    agreements: int = 0
    labels: Mapping[str, Certificate] = {}
    certified: bool = False
    lost: float = 0.0
    blocked: tuple[str, ...] = ()

    @property
    def certificate(self) -> Certificate:
        return Certificate(self.audits, self.agreements)


class RaisedAlarm(Struct, frozen=True):
    """An alarm that was raised.

    Attributes:
        since: Unix milliseconds at which the fall has likely begun; None where no audit says.
        labels: counts since then.
    """

    since: int | None = None
    labels: Mapping[str, Certificate] = {}


class AlarmState(Struct, frozen=True):
    """The alarm as it stands, and what a raised one is explained with.

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
        """The alarm as it stands. Another target starts it anew, another run length does not.

        So does evidence of another form, which an earlier release may have left.
        """
        target, length = config.target_agreement, config.alarm_run_length
        quiet = Alarm.quiet(target, length)
        known = self.target == target and len(self.evidence) == len(quiet.suspicion)
        return Alarm(target, self.evidence, length) if known else quiet


class VersionState(Struct, frozen=True):
    """All that is kept of one version.

    Attributes:
        tallies: by teacher.
        handled: alarms that were answered; of these `excused` by blocking a label.
        silent: audits among those waited for that the alarm has taken for disagreements.
        lost: audits that are no longer waited for; they count as disagreements for ever.
        horizon: Unix milliseconds; which of the audits requested until then were answered is forgotten.
    """

    tallies: Mapping[str, CertificateCounts] = {}
    suspicion: AlarmState = AlarmState()
    handled: int = 0
    excused: int = 0
    silent: int = 0
    lost: int = 0
    horizon: int = -1

    def with_tally(self, teacher: str, tally: CertificateCounts) -> "VersionState":
        """With the tally of a teacher; of many teachers the ones that came first are dropped."""
        if teacher in self.tallies or len(self.tallies) < _TEACHERS:
            return replace(self, tallies={**self.tallies, teacher: tally})
        kept_ones = list(self.tallies.items())[1:]
        return replace(self, tallies={**dict(kept_ones), teacher: tally})


def lowest_rate(config: Config) -> float:
    """The lowest audit rate that the config allows, in [0, 1]."""
    return config.audit_rate if config.audit_rate != AUTO else min(config.audit_low, config.audit_high)


def rate_is_compatible(tally: CertificateCounts, rate: float) -> bool:
    """Whether the certificate may go on where the audit rate is `rate`, in [0, 1], or higher."""
    return rate >= tally.rate and (tally.audits > 0 or rate == tally.rate)


def with_audit(tally: CertificateCounts, audit: AuditReply) -> CertificateCounts:
    """The tally with an audit, if that is part of its sample."""
    if not in_thinned_sample(audit.draw, tally.rate):
        return tally
    return replace(
        tally,
        audits=tally.audits + 1,
        agreements=tally.agreements + audit.agreed,
        labels=_with_one(tally.labels, audit.label, audit.agreed),
    )


def with_overdue(ledger: VersionState, overdue: int, now: int, config: Config) -> VersionState:
    """The ledger once so many audits are overdue: the alarm takes those that it has not taken yet.

    Their replies, when they come, are not for the alarm any more (`with_reply`).
    """
    suspicion = ledger.suspicion
    for _ in range(overdue - ledger.silent):
        suspicion = _grown(suspicion, False, None, now, config)
    return replace(ledger, suspicion=suspicion, silent=overdue)


def with_reply(ledger: VersionState, audit: AuditReply, config: Config, *, overdue: bool) -> VersionState:
    """The ledger with the alarm after the reply to an audit, which may be one that it has taken already."""
    if overdue and ledger.silent > 0:
        return replace(ledger, silent=ledger.silent - 1)
    suspicion = _grown(ledger.suspicion, audit.agreed, audit.label, audit.replied_at, config)
    return replace(ledger, suspicion=suspicion)


def _grown(suspicion: AlarmState, agreed: bool, label: str | None, at: int, config: Config) -> AlarmState:
    target, alarm = config.target_agreement, suspicion.alarm(config).after(agreed)
    anew = suspicion.target != target
    drift = max(0.0, (0.0 if anew else suspicion.drift) + _evidence(agreed, target))
    begun = RaisedAlarm(at)
    if drift > 0.0:
        before = RaisedAlarm() if anew else suspicion.begun
        labels = before.labels if label is None else _with_one(before.labels, label, agreed)
        begun = RaisedAlarm(at if before.since is None else before.since, labels)
    if alarm.raised:
        quiet = Alarm.quiet(target).suspicion
        return AlarmState(target, quiet, raised=suspicion.raised + 1, last=begun)
    return AlarmState(target, alarm.suspicion, drift, begun, suspicion.raised, suspicion.last)


def _with_one(labels: Mapping[str, Certificate], label: str, agreed: bool) -> dict[str, Certificate]:
    before = labels.get(label, Certificate())
    return {**labels, label: Certificate(before.audits + 1, before.agreements + agreed)}


def _evidence(agreed: bool, target: float) -> float:
    allowed = 1.0 - target
    severe = min(_SEVERE * allowed, (1.0 + allowed) / 2)
    return math.log((1.0 - severe) / target) if agreed else math.log(severe / allowed)
