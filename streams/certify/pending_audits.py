"""Which audits are waited for. Deferrals say what was asked, traces what was answered, in any order.

For each version there is a sorted set of request ids. One that is waited for has the time at which it was
noted, by certify's own clock: no clock of a client or router can make an audit overdue. One that was
answered stays for a while, below zero, by the time of its request: whichever of the two messages comes
second, or comes again, changes nothing.

The set is bounded. What is waited for beyond that is given up, the longest first, and counts as a
disagreement for ever. Of what was answered the newest are remembered; a deferral from before
(`VersionState.horizon`), read for the first time after so many answers, is taken for answered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from streams.certify.observations import AuditReply, AuditRequested
from streams.certify.version_state import VersionState

MOST = 100_000


@dataclass(frozen=True, slots=True)
class PendingAudits:
    """What stands in the set of one version.

    Attributes:
        pending: audits that are waited for; of these `overdue` for too long.
        answered: audits that are remembered as answered.
        surplus: requested at, of the newest of these that is over `MOST`, Unix milliseconds; None where
            there are fewer.
        scores: of those ids that are asked about.
    """

    pending: int = 0
    overdue: int = 0
    answered: int = 0
    surplus: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """What is to be done to the set, in this order.

    Attributes:
        forgotten: answered ones to drop, those with ranks from `MOST`; `surplus` is the newest of them.
        scores: ids to put in.
        given_up: waited-for ones to drop, those that have waited longest.
        after: the set then.
    """

    forgotten: int
    surplus: int | None
    scores: Mapping[str, float]
    given_up: int
    after: PendingAudits

    def ledger(self, before: VersionState) -> VersionState:
        """The ledger with what the set no longer says."""
        horizon = before.horizon if self.surplus is None else max(before.horizon, self.surplus)
        return replace(before, lost=before.lost + self.given_up, horizon=horizon)


def update_pending(
    awaited: PendingAudits,
    asked: Iterable[AuditRequested],
    answered: Iterable[AuditReply],
    horizon: int,
    now: int,
    late: int,
) -> PendingUpdate:
    """What becomes of the set.

    Args:
        horizon: see `VersionState`.
        now: Unix milliseconds.
        late: noted until this time, Unix milliseconds, is overdue.
    """
    scores: dict[str, float] = {}
    pending, overdue, remembered = awaited.pending, awaited.overdue, min(awaited.answered, MOST)
    for one in asked:
        if one.request not in awaited.scores and one.request not in scores and one.requested_at > horizon:
            scores[one.request] = float(now)
            pending += 1
    for audit in answered:
        before = scores.get(audit.request, awaited.scores.get(audit.request))
        if before is None or before > 0.0:
            pending -= before is not None
            overdue -= before is not None and before <= late
            remembered += 1
            scores[audit.request] = -audit.requested_at - 1.0
    given_up = max(0, pending - MOST)
    after = PendingAudits(pending - given_up, max(0, overdue - given_up), remembered)
    return PendingUpdate(max(0, awaited.answered - MOST), awaited.surplus, scores, given_up, after)
