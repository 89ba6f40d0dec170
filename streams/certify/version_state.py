"""State of one version's audits: the counts of its certificates and its alarm, and how an audit changes them.

Counts are kept for each teacher that answered: another teacher makes another certificate. Every audit counts,
at whatever rate it was drawn, in the order of asking (`streams.certify.asking_order`). Each certificate has a
number of its own within its task, and spends the share of the error budget that goes with the number.

A reply may be read before the deferral that asked for it. Then it waits: counted at once, it would stand
before slower replies that were asked for earlier. One whose deferral is not to be expected any more counts
among the oldest audits. So the counts depend neither on where batches begin and end, nor on when an alarm is
answered.

An earlier release counted a thinned sample, at the lowest rate that the config allowed. Such counts go on:
they weigh what was answered then with that rate.
"""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from models.certificate import Certificate
from schemas.config import Config
from streams.certify.alarm_state import PATIENCE, AlarmState, Outcome, ready, with_label
from streams.certify.asking_order import (
    Prefix,
    Replied,
    Waiting,
    frontier,
    merge_replied,
    merge_waiting,
    with_asked,
    with_given_up,
    with_reply_counted,
)
from streams.certify.deferral_state import DeferralState
from streams.certify.observations import AlarmAnswered, AuditReply
from streams.label_set import LabelSet

_TEACHERS = 8


class CertificateCounts(Struct, frozen=True):
    """The counts that one certificate rests on.

    Attributes:
        number: of this certificate within its task, from 1.
        audits, agreements: of all replies.
        recent: those of them that were asked for lately, in the order of asking.
        labels: the same, for each label that the surrogate gave.
        certified: as the last event said.
        lost: target for which replies have lost the certificate; 0.0 where none have.
        blocked: labels that these counts have blocked.
        proof: prefix that has certified last; what it proves holds for the life until then.
    """

    number: int
    audits: int = 0
    agreements: int = 0
    recent: Replied = {}
    labels: Mapping[str, Certificate] = {}
    certified: bool = False
    lost: float = 0.0
    blocked: tuple[str, ...] = ()
    proof: Prefix | None = None

    @property
    def certificate(self) -> Certificate:
        return Certificate(self.audits, self.agreements)

    def with_reply(self, audit: AuditReply, asked: int, now: int, oldest: int) -> "CertificateCounts":
        """The counts with one more audit, asked at `asked`; at 0 if that is not known."""
        return replace(
            self,
            audits=self.audits + 1,
            agreements=self.agreements + audit.agreed,
            recent=with_reply_counted(self.recent, asked, audit.agreed, now, oldest),
            labels=with_label(self.labels, audit.label, audit.agreed),
        )


class EarlyReply(Struct, frozen=True, array_like=True):
    """A reply that was read before the deferral that asked for it.

    Attributes:
        teacher: name of the one that answered.
        read_at: Unix milliseconds, by certify's clock.
    """

    teacher: str
    read_at: int
    audit: AuditReply


class VersionState(Struct, frozen=True):
    """All that certify keeps of one version.

    Attributes:
        certificates: counts by teacher.
        alarm_state: of all teachers together.
        answered_alarms: raised alarms that were answered; of these `excused` by blocking a label.
        alarm_blocked: the labels that were blocked so.
        assumed: overdue audits that the alarm has taken for disagreements and that are still pending.
        lost: audits that are no longer pending; they count as disagreements for ever.
        horizon: Unix milliseconds; of audits requested until then it is forgotten which were answered.
        waiting: audits without a reply in the order of asking; those of an earlier release are not in it.
        asked_at: Unix milliseconds at which the newest audit was noted; 0 before the first.
        early: replies that wait for their deferral, by request.
        outcomes: those that the alarm has not taken yet.
        deferrals: whether deferred requests agree less than expected.
    """

    certificates: Mapping[str, CertificateCounts] = field(default_factory=dict, name="tallies")
    alarm_state: AlarmState = field(default=AlarmState(), name="suspicion")
    answered_alarms: int = field(default=0, name="handled")
    excused: int = 0
    assumed: int = field(default=0, name="silent")
    lost: int = 0
    horizon: int = -1
    waiting: Waiting = {}
    asked_at: int = 0
    early: Mapping[str, EarlyReply] = {}
    outcomes: tuple[Outcome, ...] = ()
    alarm_blocked: tuple[str, ...] = ()
    deferrals: DeferralState = DeferralState()

    @property
    def blocked_labels(self) -> frozenset[str]:
        """Labels that are not answered any more: blocked by the floor, or by an alarm."""
        by_floor = (counts.blocked for counts in self.certificates.values())
        return frozenset(self.alarm_blocked).union(*by_floor)

    def replies(self, teacher: str) -> Certificate:
        """Counts of all replies by a teacher, the early ones among them."""
        counts = self.certificates.get(teacher)
        early = [one.audit.agreed for one in self.early.values() if one.teacher == teacher]
        counted = counts.certificate if counts else Certificate()
        return Certificate(counted.audits + len(early), counted.agreements + sum(early))

    def with_certificate(self, teacher: str, counts: CertificateCounts) -> "VersionState":
        """The state with a teacher's counts; of more than eight teachers the first is dropped."""
        if teacher in self.certificates or len(self.certificates) < _TEACHERS:
            return replace(self, certificates={**self.certificates, teacher: counts})
        newest = list(self.certificates.items())[1:]
        return replace(self, certificates={**dict(newest), teacher: counts})


def merged(version_state: VersionState, now: int, oldest: int) -> VersionState:
    """The same state with its counts in the buckets of `now` (`streams.certify.asking_order`)."""
    certificates = {
        teacher: replace(counts, recent=merge_replied(counts.recent, now, oldest))
        for teacher, counts in version_state.certificates.items()
    }
    waiting = merge_waiting(version_state.waiting, now, oldest)
    return replace(version_state, certificates=certificates, waiting=waiting)


def with_audit_asked(version_state: VersionState, now: int) -> VersionState:
    """The state with one more audit without a reply."""
    return replace(version_state, waiting=with_asked(version_state.waiting, now), asked_at=now)


def with_audits_given_up(version_state: VersionState, count: int) -> VersionState:
    """The state with the `count` oldest audits without a reply given up: disagreements for ever."""
    waiting = with_given_up(version_state.waiting, count)
    return replace(version_state, waiting=waiting, lost=version_state.lost + count)


def with_overdue(version_state: VersionState, overdue: int, now: int, config: Config) -> VersionState:
    """The state when `overdue` pending audits are overdue: the alarm takes those that it has not taken yet.

    Their replies, when they come, are not for the alarm any more (`with_outcome`).
    """
    missing = [Outcome(0, "", None, False, now)] * (overdue - version_state.assumed)
    alarm_state = version_state.alarm_state.after(missing, config)
    return replace(version_state, alarm_state=alarm_state, assumed=overdue)


def with_outcome(
    version_state: VersionState, audit: AuditReply, asked: int, now: int, *, overdue: bool
) -> VersionState:
    """The state with an outcome for the alarm, unless the alarm has taken the audit as overdue.

    One that is not waited for any more stands where its reply is read.
    """
    if overdue and version_state.assumed > 0:
        return replace(version_state, assumed=version_state.assumed - 1)
    in_order = asked > now - PATIENCE
    place, request = (asked, audit.request) if in_order else (now, "")
    outcome = Outcome(place, request, audit.label, audit.agreed, audit.replied_at)
    return replace(version_state, outcomes=(*version_state.outcomes, outcome))


def with_outcomes_taken(version_state: VersionState, now: int, config: Config) -> VersionState:
    """The state once the alarm has taken all outcomes whose turn it is.

    It leaves out those of labels that are blocked, or removed from the teacher's: they are of answers from
    before that, and say nothing about the answers that are still given.
    """
    if not version_state.outcomes:
        return version_state
    due, left = ready(version_state.outcomes, frontier(version_state.waiting, now - PATIENCE))
    blocked, labels = version_state.blocked_labels, LabelSet.of(config.teacher)
    given = [
        outcome
        for outcome in due
        if outcome.label is None or (outcome.label not in blocked and labels.allows(outcome.label))
    ]
    alarm_state = version_state.alarm_state.after(given, config)
    return replace(version_state, alarm_state=alarm_state, outcomes=left)


def with_alarms_answered(version_state: VersionState, answered: AlarmAnswered) -> VersionState:
    """The state once alarms were answered. Where a label was blocked, the alarm starts again.

    What it has taken since it was raised may be of that label.
    """
    newly = answered.alarms - version_state.answered_alarms
    if newly <= 0:
        return version_state
    after = replace(version_state, answered_alarms=answered.alarms)
    if answered.blocked is None:
        return after
    return replace(
        after,
        excused=after.excused + newly,
        alarm_blocked=tuple(dict.fromkeys((*after.alarm_blocked, answered.blocked))),
        alarm_state=after.alarm_state.restarted(),
    )
