"""Pending audits of a version: deferrals say what was asked, traces what was answered, in any order.

For each version there is a sorted set of request ids. A pending audit has the time at which it was noted, by
certify's own clock: no clock of a client or router can make an audit overdue. An answered audit stays for a
while, below zero, by the time of its request: whichever of the two messages comes second, or comes again,
changes nothing. A failed audit, whose reply holds no label, has its time plus `FAILED`: it is not waited for
any more, but a later reply with a label still answers it.

The set is bounded. Pending audits beyond the bound are given up, the oldest first, and count as disagreements
for ever, and so are failed ones beyond `MOST_FAILED`. Of the answered ones the newest are remembered; a
deferral from before that (`VersionState.horizon`) which is read for the first time counts as answered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from streams.certify.observations import AuditFailed, AuditReply, AuditRequested
from streams.certify.version_state import VersionState, with_audits_given_up, with_failures_given_up

MOST, MOST_FAILED = 100_000, 20_000

FAILED = 1e15
"""Added to the time of a failed audit. Unix milliseconds are below it, and the sum is exact."""


@dataclass(frozen=True, slots=True)
class PendingAudits:
    """The set of one version.

    Attributes:
        pending: audits without a reply; of these `overdue` for too long, and `passed_by` by the teacher.
        failed: audits that have an error instead of a label.
        answered: audits that are remembered as answered.
        surplus: Unix milliseconds at which the newest answered audit over `MOST` was requested; None where
            there are fewer.
        scores: of the ids that were looked up.
    """

    pending: int = 0
    overdue: int = 0
    passed_by: int = 0
    failed: int = 0
    answered: int = 0
    surplus: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """Changes to the set, in this order.

    Attributes:
        forgotten: answered audits to drop, those with ranks from `MOST`; `surplus` is the newest of them.
        scores: ids to put in.
        given_up: pending audits to drop, the oldest ones; `failures_given_up`: likewise failed ones.
        after: the set after that.
    """

    forgotten: int
    surplus: int | None
    scores: Mapping[str, float]
    given_up: int
    failures_given_up: int
    after: PendingAudits

    def applied_to(self, before: VersionState) -> VersionState:
        """The version's state with what the set no longer holds."""
        horizon = before.horizon if self.surplus is None else max(before.horizon, self.surplus)
        state = with_failures_given_up(with_audits_given_up(before, self.given_up), self.failures_given_up)
        return replace(state, horizon=horizon)


def update_pending(
    before: PendingAudits,
    asked: Iterable[AuditRequested],
    failed: Iterable[AuditFailed],
    answered: Iterable[AuditReply],
    horizon: int,
    now: int,
    late: int,
) -> PendingUpdate:
    """The changes that follow from audits which were asked, failed and answered, in this order.

    Args:
        horizon: see `VersionState`.
        now: Unix milliseconds.
        late: Unix milliseconds; an audit that was noted until then is overdue.
    """
    scores: dict[str, float] = {}
    pending, overdue, remembered = before.pending, before.overdue, min(before.answered, MOST)
    failures = before.failed
    for audit in asked:
        known = audit.request in before.scores or audit.request in scores
        if not known and audit.requested_at > horizon:
            scores[audit.request] = float(now)
            pending += 1
    for failure in failed:
        noted = scores.get(failure.request, before.scores.get(failure.request))
        is_new = noted is None and failure.requested_at > horizon
        if is_new or (noted is not None and 0.0 < noted < FAILED):
            pending -= noted is not None
            overdue -= noted is not None and noted <= late
            failures += 1
            scores[failure.request] = FAILED + (float(now) if noted is None else noted)
    for reply in answered:
        noted = scores.get(reply.request, before.scores.get(reply.request))
        if noted is None or noted > 0.0:
            was_pending = noted is not None and noted < FAILED
            pending -= was_pending
            failures -= noted is not None and noted >= FAILED
            overdue -= was_pending and noted is not None and noted <= late
            remembered += 1
            scores[reply.request] = -reply.requested_at - 1.0
    given_up, failures_given_up = max(0, pending - MOST), max(0, failures - MOST_FAILED)
    after = PendingAudits(
        pending=pending - given_up,
        overdue=max(0, overdue - given_up),
        passed_by=before.passed_by,
        failed=failures - failures_given_up,
        answered=remembered,
    )
    forgotten = max(0, before.answered - MOST)
    return PendingUpdate(forgotten, before.surplus, scores, given_up, failures_given_up, after)
