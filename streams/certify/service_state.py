"""State of the service's certificate: one tally for each teacher, of the answers of all versions together.

The evidence does not care which version answers, so refits and rollbacks start nothing again. Each tally
spends the whole delta, once. It counts from its teacher's first reply on; audits that were asked before that
are neither counted nor missed in it.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from models.certificate import Certificate
from streams.certify.asking_order import (
    Prefix,
    Replied,
    Waiting,
    merge_replied,
    merge_waiting,
    prefixes,
    with_answered,
    with_asked,
    with_failed,
    with_reply_counted,
    without_label,
)

_TEACHERS = 8


class ServiceCounts(Struct, frozen=True):
    """The tally of one teacher.

    Attributes:
        since: Unix milliseconds; audits noted before that are not part of it.
        waived: of those, how many have no label yet.
        audits, agreements: of all replies that count.
        recent: those of them that were asked for lately, in the order of asking.
        certified: as the last event said.
        lost: target for which replies have lost the certificate; 0.0 where none have.
        proof: prefix that has certified last.
    """

    since: int = 0
    waived: int = 0
    audits: int = 0
    agreements: int = 0
    recent: Replied = {}
    certified: bool = False
    lost: float = 0.0
    proof: Prefix | None = None

    @property
    def certificate(self) -> Certificate:
        return Certificate(self.audits, self.agreements)


class ServiceState(Struct, frozen=True):
    """The tallies of a task.

    Attributes:
        begun: Unix milliseconds from which on audits are counted; 0 for all. An earlier release kept no
            tally of the service, so the counts of a task that it has left begin with this one.
        waiting: audits of all versions without a reply, in the order of asking; `failed`: those on which the
            teacher has failed.
        asked_at: Unix milliseconds at which the newest audit was noted; 0 before the first.
        teachers: tallies by teacher.
    """

    begun: int = 0
    waiting: Waiting = {}
    asked_at: int = 0
    teachers: Mapping[str, ServiceCounts] = {}
    failed: Waiting = {}

    def counts(self, teacher: str) -> ServiceCounts:
        return self.teachers.get(teacher, ServiceCounts())

    def merged(self, now: int, oldest: int) -> "ServiceState":
        """The same state with its counts in the buckets of `now` (`streams.certify.asking_order`)."""
        teachers = {
            teacher: replace(counts, recent=merge_replied(counts.recent, now, oldest))
            for teacher, counts in self.teachers.items()
        }
        waiting = merge_waiting(self.waiting, now, oldest)
        return replace(
            self, waiting=waiting, teachers=teachers, failed=merge_waiting(self.failed, now, oldest)
        )

    def with_audit_asked(self, now: int) -> "ServiceState":
        """The state with one more audit without a reply."""
        return replace(self, waiting=with_asked(self.waiting, now), asked_at=now)

    def with_audit_failed(self, asked: int, now: int, oldest: int, *, waited_for: bool) -> "ServiceState":
        """The state with one more audit on which the teacher has failed; arguments as for `with_reply`."""
        if asked < self.begun:
            return self
        waiting = with_answered(self.waiting, asked) if waited_for else self.waiting
        return replace(self, waiting=waiting, failed=with_failed(self.failed, asked, now, oldest))

    def with_reply(
        self,
        teacher: str,
        agreed: bool,
        asked: int,
        now: int,
        oldest: int,
        *,
        waited_for: bool,
        had_failed: bool = False,
    ) -> "ServiceState":
        """The state with one more reply that holds a label.

        Args:
            asked: Unix milliseconds at which the audit was noted; 0 if it never was.
            waited_for: the audit is among those without a reply.
            had_failed: it is among those on which the teacher has failed.
        """
        state = self
        if asked >= self.begun and (waited_for or had_failed):
            state = self._no_longer_without_label(asked, had_failed=had_failed)
        state = state.with_counts(teacher, state.teachers.get(teacher) or state._begin_counts(now))
        counts = state.teachers[teacher]
        if 0 < asked < counts.since:
            return state
        counted = replace(
            counts,
            audits=counts.audits + 1,
            agreements=counts.agreements + agreed,
            recent=with_reply_counted(counts.recent, asked, agreed, now, oldest),
        )
        return state.with_counts(teacher, counted)

    def with_counts(self, teacher: str, counts: ServiceCounts) -> "ServiceState":
        """The state with a teacher's tally; of more than eight teachers the first is dropped."""
        others = {name: kept for name, kept in self.teachers.items() if name != teacher}
        if teacher in self.teachers:
            return replace(self, teachers={**self.teachers, teacher: counts})
        newest = list(others.items())[-(_TEACHERS - 1) :]
        return replace(self, teachers={**dict(newest), teacher: counts})

    def prefixes(self, teacher: str, ends: tuple[int, ...], now: int) -> list[Prefix]:
        """The prefixes of a teacher's tally (`streams.certify.asking_order.prefixes`)."""
        counts = self.counts(teacher)
        without = without_label(self.waiting, self.failed)
        earlier = sum(count for start, count in without.items() if start < counts.since)
        waived = min(counts.waived, earlier)
        return [
            one._replace(unanswered=max(0, one.unanswered - waived))
            for one in prefixes(counts.certificate, counts.recent, without, ends, now)
        ]

    def _begin_counts(self, now: int) -> ServiceCounts:
        if not self.teachers:
            return ServiceCounts(since=self.begun)
        return ServiceCounts(since=now + 1, waived=sum(without_label(self.waiting, self.failed).values()))

    def _no_longer_without_label(self, asked: int, *, had_failed: bool) -> "ServiceState":
        teachers = {
            teacher: replace(counts, waived=counts.waived - 1)
            if asked < counts.since and counts.waived > 0
            else counts
            for teacher, counts in self.teachers.items()
        }
        if had_failed:
            return replace(self, failed=with_answered(self.failed, asked), teachers=teachers)
        return replace(self, waiting=with_answered(self.waiting, asked), teachers=teachers)


def begin_service(certificates: int, now: int) -> ServiceState:
    """The state of a task without one, before anything else is folded.

    Args:
        certificates: of the task so far; there are some where an earlier release has counted.
    """
    return ServiceState(begun=now if certificates else 0)
