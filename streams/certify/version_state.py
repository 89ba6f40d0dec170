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

import functools
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from models.certificate import Certificate
from schemas.config import Config
from streams.certify.alarm_state import PATIENCE, AlarmState, Block, Outcome, ready, with_label
from streams.certify.asking_order import (
    Prefix,
    Replied,
    Waiting,
    frontier,
    merge_replied,
    merge_waiting,
    with_answered,
    with_asked,
    with_failed,
    with_given_up,
    with_reply_counted,
)
from streams.certify.deferral_state import DeferralState
from streams.certify.history import HistoryState
from streams.certify.observations import AlarmAnswered, AuditReply
from streams.label_set import LabelSet

_TEACHERS = 8
_SPAN, _MOST_BLOCKS = 10_000, 1_000


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
        assumed: audits without a reply that the alarm has taken as silent and that are still pending.
        lost: audits that are no longer pending; they count as disagreements for ever.
        horizon: Unix milliseconds; of audits requested until then it is forgotten which were answered.
        waiting: audits without a reply in the order of asking; those of an earlier release are not in it.
        asked_at: Unix milliseconds at which the newest audit was noted; 0 before the first.
        early: replies that wait for their deferral, by request.
        outcomes: labels that the alarm has not taken yet.
        failed: audits on which the teacher has failed, in the order of asking.
        failures_announced: how many the last event named; 0 before the first.
        blocks: audits that the detector of silence has not taken yet, by the start of their span of asking.
        deferrals: whether deferred requests agree less than expected.
        history: what the next point of the certificate's history goes on from.
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
    failed: Waiting = {}
    failures_announced: int = 0
    blocks: Mapping[int, Block] = {}
    history: HistoryState = HistoryState()

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
    failed = merge_waiting(version_state.failed, now, oldest)
    return replace(version_state, certificates=certificates, waiting=waiting, failed=failed)


def with_audit_asked(version_state: VersionState, now: int) -> VersionState:
    """The state with one more audit without a reply."""
    return replace(version_state, waiting=with_asked(version_state.waiting, now), asked_at=now)


def with_audits_given_up(version_state: VersionState, count: int) -> VersionState:
    """The state with the `count` oldest audits without a reply given up: disagreements for ever."""
    waiting = with_given_up(version_state.waiting, count)
    return replace(version_state, waiting=waiting, lost=version_state.lost + count)


def with_failures_given_up(version_state: VersionState, count: int) -> VersionState:
    """The state with the `count` oldest failed audits given up: disagreements for ever."""
    failed = with_given_up(version_state.failed, count)
    return replace(version_state, failed=failed, lost=version_state.lost + count)


def with_audit_failed(
    version_state: VersionState,
    asked: int,
    now: int,
    oldest: int,
    *,
    waited_for: bool,
    for_alarm: bool,
    passed: int | None,
) -> VersionState:
    """The state with one more audit on which the teacher has failed.

    Args:
        asked: Unix milliseconds at which the audit was noted.
        waited_for: it is among those without a reply.
        for_alarm: the alarm takes it. Not one that the teacher gave up because it was away: an outage stops
            no version.
        passed: see `Moment`.
    """
    waiting = with_answered(version_state.waiting, asked) if waited_for else version_state.waiting
    failed = with_failed(version_state.failed, asked, now, oldest)
    after = replace(version_state, waiting=waiting, failed=failed)
    if waited_for and was_assumed(version_state, asked, passed):
        return replace(after, assumed=after.assumed - 1)
    if not for_alarm:
        return after
    return _with_block(after, _block_time(asked, now, passed), Block(unanswered=1))


def with_silence_taken(
    version_state: VersionState, silent: int, passed: int | None, now: int, config: Config
) -> VersionState:
    """The state once the detector of silence has taken the audits of which all is known.

    These are the ones noted before the first that is still without a reply, or until `passed`.

    Args:
        silent: pending audits that were noted until then.
        passed: see `Moment`. None: no missing reply is silence, and each is waited for until `PATIENCE`.
    """
    first = frontier(version_state.waiting, now - PATIENCE if passed is None else 0)
    known = now if first is None else max(passed or 0, first)
    new = max(0, silent - version_state.assumed)
    due = {start: block for start, block in version_state.blocks.items() if start + _SPAN <= known}
    left = {start: block for start, block in version_state.blocks.items() if start not in due}
    for start in sorted(left)[: max(0, len(left) - _MOST_BLOCKS)]:
        due[start] = left.pop(start)
    block = functools.reduce(Block.plus, due.values(), Block(unanswered=new))
    since = min(due, default=known)
    alarm_state = version_state.alarm_state.after_block(block, since, config)
    if alarm_state.raised > version_state.alarm_state.raised:
        left = {}
    return replace(version_state, alarm_state=alarm_state, assumed=version_state.assumed + new, blocks=left)


def was_assumed(version_state: VersionState, asked: int, passed: int | None) -> bool:
    """Whether the alarm has taken a pending audit, noted at `asked`, as silent."""
    return version_state.assumed > 0 and passed is not None and asked <= passed


def with_outcome(
    version_state: VersionState,
    audit: AuditReply,
    asked: int,
    now: int,
    config: Config,
    *,
    taken: bool,
    passed: int | None,
) -> VersionState:
    """The state with an outcome for the alarm, which waits for its turn.

    One that is not waited for any more stands where its reply is read. Labels that are not answered any more
    are left out of the alarm (`with_outcomes_taken`).

    Args:
        asked: Unix milliseconds at which the audit was noted; 0 if it never was.
        taken: the detector of silence has taken the audit already, as failed or silent.
        passed: see `Moment`.
    """
    in_order = asked > now - PATIENCE
    place, request = (asked, audit.request) if in_order else (now, "")
    outcome = Outcome(place, request, audit.label, audit.agreed, audit.replied_at)
    after = replace(version_state, outcomes=(*version_state.outcomes, outcome))
    if taken or not _is_still_answered(audit.label, after, config):
        return after
    block = Block(int(audit.agreed), int(not audit.agreed))
    return _with_block(after, _block_time(asked, now, passed), block)


def with_outcomes_taken(version_state: VersionState, now: int, config: Config) -> VersionState:
    """The state once the alarm has taken all outcomes whose turn it is.

    It leaves out those of labels that are blocked, switched off by an operator, or removed from the
    teacher's: they are of answers from before that, and say nothing about the answers that are still given.
    """
    if not version_state.outcomes:
        return version_state
    due, left = ready(version_state.outcomes, frontier(version_state.waiting, now - PATIENCE))
    given = [
        outcome
        for outcome in due
        if outcome.label is None or _is_still_answered(outcome.label, version_state, config)
    ]
    alarm_state = version_state.alarm_state.after(given, config)
    blocks = {} if alarm_state.raised > version_state.alarm_state.raised else version_state.blocks
    return replace(version_state, alarm_state=alarm_state, outcomes=left, blocks=blocks)


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
        blocks={},
    )


def _is_still_answered(label: str, version_state: VersionState, config: Config) -> bool:
    label_set = LabelSet.of(config.teacher)
    if label in version_state.blocked_labels or not label_set.allows(label):
        return False
    return label_set.current(label) not in map(label_set.current, config.never_answer)


def _block_time(asked: int, now: int, passed: int | None) -> int:
    """The time by which an outcome is put into a block: that of asking, while its block waits for it.

    Later it is that of reading. Failures and labels are read from different topics, so the outcomes of a
    block that waits no more come in clusters: failures by themselves would look like silence.

    Args:
        asked: Unix milliseconds; 0 where that is not known.
        passed: see `Moment`.
    """
    waits = asked > 0 and (passed is not None or asked > now - PATIENCE)
    return asked if waits else now


def _with_block(version_state: VersionState, asked: int, audit: Block) -> VersionState:
    start = asked - asked % _SPAN
    block = version_state.blocks.get(start, Block()).plus(audit)
    return replace(version_state, blocks={**version_state.blocks, start: block})
