"""History of a version's certificate: points in time, each with what the audits proved then.

A point is kept where the state or the target changes, where an alarm is raised or its level has moved, and
otherwise every so many audits. Once there are `MOST_POINTS` of a version, half of them are kept, evenly over
the audits, and new ones come half as often. So the history of a life is bounded, whatever its length.

Points are written with the counts that they follow from, or not at all (`streams.state.audits`).
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from streams.certify.status import CertificateStatus

CertificateState = Literal["certified", "not_yet", "lost"]

MOST_POINTS = 500
_CHANGES = 0.8
"""Share of the kept points that changes may take; of more changes than that the oldest go."""
_ALARM_STEP = 0.25
_RAISED = 1.0


class CertificatePoint(Struct, frozen=True, array_like=True):
    """A version's certificate at one moment.

    Attributes:
        at: Unix milliseconds of the fold.
        audits: replies so far, of the teacher that answered then; of these `disagreed` with the surrogate.
        lower: agreement that they prove, in (0, 1); None while they prove nothing.
        target: in force then.
        state: `lost` is a version that was certified before and is not any more, for whatever reason.
        alarm: level of the alarm, from 0 to 1, where it is raised; None where nobody knows.
        certificate: its number within the task; another teacher makes another one. 0 where that is not
            known, or none has begun.
    """

    at: int
    version: str
    audits: int
    disagreed: int
    lower: float | None
    target: float
    state: CertificateState
    alarm: float | None
    certificate: int = 0


class HistoryState(Struct, frozen=True, array_like=True):
    """What certify has to know of a version's history to go on with it.

    Attributes:
        newest: the point that was kept last; None before the first.
        points: how many are kept.
        spacing: audits between two points, but for those that are kept for another reason.
    """

    newest: CertificatePoint | None = None
    points: int = 0
    spacing: int = 1

    @property
    def is_full(self) -> bool:
        """Whether the next point thins the others."""
        return self.points >= MOST_POINTS


@dataclass(frozen=True, slots=True)
class HistoryUpdate:
    """Points to be written; `replaces`: in place of all that are there."""

    points: tuple[CertificatePoint, ...] = ()
    replaces: bool = False


_DECODER = msgspec.json.Decoder(CertificatePoint)


def certificate_point(
    version: str,
    status: CertificateStatus,
    before: CertificatePoint | None,
    *,
    certified_before: bool = False,
    alarm_raised: bool = False,
    certificate: int = 0,
) -> CertificatePoint:
    """The point that a status makes.

    Args:
        before: the last one, if any.
        certified_before: the version was certified before, whatever that one says.
        alarm_raised: an alarm was raised in this step. It starts again at once, so its level does not say so.
        certificate: its number.
    """
    return CertificatePoint(
        at=status.updated_at,
        version=version,
        audits=status.audits,
        disagreed=status.audits - status.agreements,
        lower=_rounded_down(status.bound) or None,
        target=status.target,
        state=_state(status.certified, certified_before, before),
        alarm=_RAISED if alarm_raised else round(status.alarm, 4),
        certificate=certificate,
    )


def begins_anew(before: CertificatePoint, after: CertificatePoint) -> bool:
    """Whether the audits of the later point do not go on from those of the earlier: another teacher's."""
    is_another = 0 not in (before.certificate, after.certificate) and before.certificate != after.certificate
    return is_another or after.audits < before.audits


def is_worth_keeping(state: HistoryState, point: CertificatePoint) -> bool:
    """Whether a new point says something that the last one does not."""
    newest = state.newest
    if newest is None:
        return point.audits > 0
    if _is_change(newest, point):
        return True
    moved = abs((point.alarm or 0.0) - (newest.alarm or 0.0)) >= _ALARM_STEP
    return moved or abs(point.audits - newest.audits) >= state.spacing


def extend_history(
    state: HistoryState, point: CertificatePoint, kept: Sequence[CertificatePoint]
) -> tuple[HistoryState, HistoryUpdate]:
    """The history with a point, if that is worth keeping, and what is to be written.

    Args:
        kept: all points so far, oldest first, where the history is full; not looked at elsewhere.
    """
    if not is_worth_keeping(state, point):
        return state, HistoryUpdate()
    if not state.is_full:
        return replace(state, newest=point, points=state.points + 1), HistoryUpdate((point,))
    points = thinned_points((*kept, point), MOST_POINTS // 2)
    spacing = max(1, math.ceil(_progress(points)[-1] / (MOST_POINTS // 2)))
    return HistoryState(point, len(points), spacing), HistoryUpdate(points, replaces=True)


def thinned_points(points: Sequence[CertificatePoint], most: int) -> tuple[CertificatePoint, ...]:
    """At most `most` of the points: the newest, all changes, and of the others some, evenly over the audits.

    Where changes are more than four fifths of `most`, the oldest of them go too.
    """
    if len(points) <= most:
        return tuple(points)
    pairs = itertools.pairwise(points)
    changes = [place for place, (before, after) in enumerate(pairs, 1) if _is_change(before, after)]
    allowed = int(most * _CHANGES)
    kept = {len(points) - 1, *changes[max(0, len(changes) - allowed) :]}
    slots, progress = most - len(kept), _progress(points)
    width = max(1, progress[-1] + 1) / max(1, slots)
    filled: dict[int, int] = {}
    for place in range(len(points)) if slots > 0 else ():
        if place not in kept:
            filled.setdefault(int(progress[place] / width), place)
    return tuple(points[place] for place in sorted(kept | set(filled.values())))


def with_newest(
    version: str, points: Sequence[CertificatePoint], status: CertificateStatus | None
) -> tuple[CertificatePoint, ...]:
    """The kept points, and the one that the status makes now where it says something else."""
    if status is None or not status.complete or not status.audits:
        return tuple(points)
    newest = points[-1] if points else None
    certificate = newest.certificate if newest else 0
    point = certificate_point(version, status, newest, certificate=certificate)
    if newest is not None and point == replace(newest, at=point.at):
        return tuple(points)
    return (*points, point)


def certified_since(points: Sequence[CertificatePoint]) -> int | None:
    """Unix milliseconds since when the newest target, or a higher one, is certified; None if it is not."""
    since = None
    for point in reversed(points):
        if point.state != "certified" or point.target < points[-1].target:
            break
        since = point.at
    return since


def lost_at(points: Sequence[CertificatePoint]) -> int | None:
    """Unix milliseconds at which the certificate was lost last; None if it is certified, or never was."""
    lost = None
    for point in reversed(points):
        if point.state != "lost":
            break
        lost = point.at
    return lost


def encode_point(point: CertificatePoint) -> bytes:
    """The point as a JSON array, its fields in their order."""
    return msgspec.json.encode(point)


def decode_points(stored: Iterable[bytes | str]) -> tuple[CertificatePoint, ...]:
    """The points that can be read: one that can't is left out, since no decision rests on it."""
    points = []
    for raw in stored:
        try:
            points.append(_DECODER.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return tuple(points)


def _state(certified: bool, certified_before: bool, before: CertificatePoint | None) -> CertificateState:
    if certified:
        return "certified"
    if certified_before or (before is not None and before.state != "not_yet"):
        return "lost"
    return "not_yet"


def _is_change(before: CertificatePoint, after: CertificatePoint) -> bool:
    """Whether something begins or ends with the point: it is kept when others are thinned."""
    was_raised, is_raised = before.alarm == _RAISED, after.alarm == _RAISED
    if begins_anew(before, after) or (is_raised and not was_raised):
        return True
    return (before.state, before.target) != (after.state, after.target)


def _progress(points: Sequence[CertificatePoint]) -> list[int]:
    """Audits until each point, all teachers together: another teacher begins again at 0."""
    steps = (
        after.audits if begins_anew(before, after) else after.audits - before.audits
        for before, after in itertools.pairwise(points)
    )
    return list(itertools.accumulate(steps, initial=points[0].audits))


def _rounded_down(bound: float) -> float:
    """Never more than is proven."""
    return math.floor(bound * 1e6) / 1e6
