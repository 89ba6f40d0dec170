"""Order of asking: audits counted by the time at which they were asked, so that a claim is about a prefix.

Replies come late, and late ones may disagree more often. So a certificate does not rest on the replies so
far, but on all audits that were asked until some moment, those without a reply as disagreements. The order
must not depend on outcomes: an audit stands where certify read its deferral, by certify's own clock.

Times are Unix milliseconds. The recent past is kept in buckets that widen with their age, each width a
multiple of the one before; what is older than the longest lag is kept as one number. So the state is bounded,
and buckets of any two moments merge into those of a later one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.certificate import Certificate, lower_bound

Waiting = Mapping[int, int]
"""Audits without a label, by the start of the bucket in which they were asked; `OLDER` for all older ones."""
Replied = Mapping[int, tuple[int, int]]
"""Audits with a reply and the agreements among them, by the start of the bucket in which they were asked."""

OLDER = 0

_WIDTHS = ((30_000, 1_000), (300_000, 10_000), (1_800_000, 60_000), (7_200_000, 300_000))
_WIDEST = 3_600_000
_LAGS = (10_000, 60_000, 300_000, 1_800_000)
_NOTHING = 1e-9
_LONGEST = 7 * 24 * 3_600_000


class Prefix(NamedTuple):
    """The audits that were asked until a moment.

    Attributes:
        until: that moment.
        replied: counts of those with a reply.
        unanswered: the others: without a reply, or failed.
    """

    until: int
    replied: Certificate
    unanswered: int

    @property
    def counts(self) -> Certificate:
        """All of them, the unanswered ones as disagreements."""
        return self.replied.counting_unanswered(self.unanswered)


def prefix_ends(now: int, overdue: int) -> tuple[int, ...]:
    """The moments at which prefixes end, newest first; the last is the one behind which all is one number.

    Args:
        overdue: milliseconds after which an audit is overdue.
    """
    longest = min(overdue, _LONGEST)
    return tuple(_start(now - lag, now) for lag in (*(lag for lag in _LAGS if lag < longest), longest))


def with_asked(waiting: Waiting, now: int) -> Waiting:
    """One more audit that is asked now."""
    start = _start(now, now)
    return {**waiting, start: waiting.get(start, 0) + 1}


def with_failed(failed: Waiting, asked: int, now: int, oldest: int) -> Waiting:
    """One more audit that was asked at `asked` and failed; one from before `oldest` among all older ones."""
    start = OLDER if asked < oldest else _start(asked, now)
    return {**failed, start: failed.get(start, 0) + 1}


def without_label(waiting: Waiting, failed: Waiting) -> Waiting:
    """Audits without a label: those without a reply, and those that failed."""
    return {start: waiting.get(start, 0) + failed.get(start, 0) for start in waiting.keys() | failed.keys()}


def with_answered(waiting: Waiting, asked: int) -> Waiting:
    """One audit fewer, which was asked at `asked`; unchanged where none is known from then or before."""
    start = max((one for one, count in waiting.items() if one <= asked and count > 0), default=None)
    if start is None:
        return waiting
    return _without_zeros({**waiting, start: waiting[start] - 1})


def with_given_up(waiting: Waiting, count: int) -> Waiting:
    """Without the `count` oldest audits."""
    left: dict[int, int] = {}
    for start in sorted(waiting):
        taken = min(count, waiting[start])
        count -= taken
        left[start] = waiting[start] - taken
    return _without_zeros(left)


def with_reply_counted(replied: Replied, asked: int, agreed: bool, now: int, oldest: int) -> Replied:
    """With the reply to an audit asked at `asked`; unchanged where that is before `oldest`."""
    start = _start(asked, now)
    if start < oldest:
        return replied
    audits, agreements = replied.get(start, (0, 0))
    return {**replied, start: (audits + 1, agreements + agreed)}


def merge_waiting(waiting: Waiting, now: int, oldest: int) -> Waiting:
    """The same audits in the buckets of `now`; those before `oldest` as one number."""
    merged: dict[int, int] = {}
    for begin, count in waiting.items():
        start = OLDER if begin < oldest else _start(begin, now)
        merged[start] = merged.get(start, 0) + count
    return merged


def merge_replied(replied: Replied, now: int, oldest: int) -> Replied:
    """The same counts in the buckets of `now`; those before `oldest` are left to the total."""
    merged: dict[int, tuple[int, int]] = {}
    for begin, (audits, agreements) in replied.items():
        if begin >= oldest:
            start = _start(begin, now)
            before = merged.get(start, (0, 0))
            merged[start] = (before[0] + audits, before[1] + agreements)
    return merged


def prefixes(
    total: Certificate, replied: Replied, waiting: Waiting, ends: Iterable[int], now: int
) -> list[Prefix]:
    """All audits so far, then the prefixes that end at `ends`, newest first.

    Args:
        total: counts of all replies.
        replied: those of `total` that are not older than all of `ends`.
    """
    every = Prefix(now, total, sum(waiting.values()))
    return [every, *(_prefix(total, replied, waiting, end) for end in ends)]


def best_prefix(candidates: Sequence[Prefix], delta: float) -> tuple[Prefix, float]:
    """The prefix that proves most at level `delta`, of equal ones the first, and what it proves."""
    best, bound = candidates[0], lower_bound(candidates[0].counts, delta)
    for one in candidates[1:]:
        if one.counts != best.counts and one.counts.certifies(bound + _NOTHING, delta):
            best, bound = one, lower_bound(one.counts, delta)
    return best, bound


def frontier(waiting: Waiting, since: int) -> int | None:
    """Start of the oldest bucket from `since` on in which a reply is missing; None where none is."""
    return min((start for start, count in waiting.items() if start >= since and count > 0), default=None)


def _prefix(total: Certificate, replied: Replied, waiting: Waiting, end: int) -> Prefix:
    later = [counts for start, counts in replied.items() if start >= end]
    audits = total.audits - sum(count for count, _ in later)
    agreements = total.agreements - sum(count for _, count in later)
    unanswered = sum(count for start, count in waiting.items() if start < end)
    return Prefix(end, Certificate(audits, agreements), unanswered)


def _start(moment: int, now: int) -> int:
    """Start of the bucket that the moment is in: a multiple of the width that goes with the start's own age.

    Of the moment's age, the start would depend on when buckets were merged.
    """
    start = moment
    while remainder := start % _width(now - start):
        start -= remainder
    return start


def _width(age: int) -> int:
    return next((width for end, width in _WIDTHS if age < end), _WIDEST)


def _without_zeros(waiting: Waiting) -> Waiting:
    return {start: count for start, count in waiting.items() if count > 0}
