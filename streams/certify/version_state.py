"""State of one version's audits: the counts of its certificates and its alarm, and how an audit changes them.

Counts are kept for each teacher that answered: another teacher makes another certificate. A certificate
counts the audits below the lowest rate that its life may see (`models.certificate.in_thinned_sample`), which
is fixed when the certificate begins; where the operator sets a lower rate, a new one begins. Each certificate
has a number of its own within its task, and spends the share of the error budget that goes with the number.

The alarm takes every audit once, whichever teacher answers, in the order in which audits are folded: with its
reply, or as a disagreement once it is overdue. A raised alarm starts again at once, and the state remembers
that it was raised. So the state depends neither on where batches begin and end, nor on when the alarm is
answered.
"""

import math
from collections.abc import Mapping

from msgspec import Struct, field
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
        number: of this certificate within its task, from 1.
        rate: lowest audit rate that the certificate's life may see, in [0, 1].
        audits, agreements: of the requests whose draw is below `rate`.
        labels: the same, for each label that the surrogate gave.
        certified: as the last event said.
        lost: target for which replies have lost the certificate; 0.0 where none have.
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


class VersionState(Struct, frozen=True):
    """All that certify keeps of one version.

    Attributes:
        certificates: counts by teacher.
        alarm_state: of all teachers together.
        answered_alarms: raised alarms that were answered; of these `excused` by blocking a label.
        assumed: overdue audits that the alarm has taken for disagreements and that are still pending.
        lost: audits that are no longer pending; they count as disagreements for ever.
        horizon: Unix milliseconds; of audits requested until then it is forgotten which were answered.
    """

    certificates: Mapping[str, CertificateCounts] = field(default_factory=dict, name="tallies")
    alarm_state: AlarmState = field(default=AlarmState(), name="suspicion")
    answered_alarms: int = field(default=0, name="handled")
    excused: int = 0
    assumed: int = field(default=0, name="silent")
    lost: int = 0
    horizon: int = -1

    def with_certificate(self, teacher: str, counts: CertificateCounts) -> "VersionState":
        """The state with a teacher's counts; of more than eight teachers the first is dropped."""
        if teacher in self.certificates or len(self.certificates) < _TEACHERS:
            return replace(self, certificates={**self.certificates, teacher: counts})
        newest = list(self.certificates.items())[1:]
        return replace(self, certificates={**dict(newest), teacher: counts})


def lowest_rate(config: Config) -> float:
    """The lowest audit rate that the config allows, in [0, 1]."""
    return config.audit_rate if config.audit_rate != AUTO else min(config.audit_low, config.audit_high)


def rate_is_compatible(counts: CertificateCounts, rate: float) -> bool:
    """Whether the certificate may go on where the audit rate is `rate`, in [0, 1], or higher."""
    return rate >= counts.rate and (counts.audits > 0 or rate == counts.rate)


def with_audit(counts: CertificateCounts, audit: AuditReply) -> CertificateCounts:
    """The counts with an audit, if it is part of the certificate's sample."""
    if not in_thinned_sample(audit.draw, counts.rate):
        return counts
    return replace(
        counts,
        audits=counts.audits + 1,
        agreements=counts.agreements + audit.agreed,
        labels=_with_label(counts.labels, audit.label, audit.agreed),
    )


def with_overdue(version_state: VersionState, overdue: int, now: int, config: Config) -> VersionState:
    """The state when `overdue` pending audits are overdue: the alarm takes those that it has not taken yet.

    Their replies, when they come, are not for the alarm any more (`with_reply`).
    """
    alarm_state = version_state.alarm_state
    for _ in range(overdue - version_state.assumed):
        alarm_state = _with_outcome(alarm_state, False, None, now, config)
    return replace(version_state, alarm_state=alarm_state, assumed=overdue)


def with_reply(
    version_state: VersionState, audit: AuditReply, config: Config, *, overdue: bool
) -> VersionState:
    """The state after the reply to an audit, which the alarm takes unless it has taken it as overdue."""
    if overdue and version_state.assumed > 0:
        return replace(version_state, assumed=version_state.assumed - 1)
    before = version_state.alarm_state
    return replace(
        version_state,
        alarm_state=_with_outcome(before, audit.agreed, audit.label, audit.replied_at, config),
    )


def _with_outcome(before: AlarmState, agreed: bool, label: str | None, at: int, config: Config) -> AlarmState:
    """The alarm after one audit: its label where it was answered, None where it is overdue."""
    target, alarm = config.target_agreement, before.alarm(config).after(agreed)
    restarts = before.target != target
    drift = max(0.0, (0.0 if restarts else before.drift) + _log_ratio(agreed, target))
    begun = RaisedAlarm(at)
    if drift > 0.0:
        earlier = RaisedAlarm() if restarts else before.begun
        labels = earlier.labels if label is None else _with_label(earlier.labels, label, agreed)
        begun = RaisedAlarm(at if earlier.since is None else earlier.since, labels)
    if alarm.raised:
        return AlarmState(target, Alarm.quiet(target).suspicion, raised=before.raised + 1, last=begun)
    return AlarmState(target, alarm.suspicion, drift, begun, before.raised, before.last)


def _with_label(labels: Mapping[str, Certificate], label: str, agreed: bool) -> dict[str, Certificate]:
    before = labels.get(label, Certificate())
    return {**labels, label: Certificate(before.audits + 1, before.agreements + agreed)}


def _log_ratio(agreed: bool, target: float) -> float:
    """Log likelihood ratio of a severe fall to the target, for one audit."""
    allowed = 1.0 - target
    severe = min(_SEVERE * allowed, (1.0 + allowed) / 2)
    return math.log((1.0 - severe) / target) if agreed else math.log(severe / allowed)
