"""What traces and deferrals say of audits, task by task, each with where it stood in its topic."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import Message

from schemas.messages import Deferral, Teacher, Trace
from streams.sampling import Sampler

TRACES = "traces"
DEFERRALS = "deferrals"

NOBODY = Teacher("")
"""Who answered where the reply does not say."""


class LogPosition(NamedTuple):
    """Attributes:
    log: the partition that it stood in: the log's name and a number, as `traces:3`.
    """

    log: str
    offset: int


class AuditRequested(NamedTuple):
    """An audit that the teacher was asked for."""

    place: LogPosition
    version: str
    request: str
    requested_at: int


class AuditReply(NamedTuple):
    """An audit that the teacher has answered.

    Attributes:
        label: what the surrogate answered.
        agreed: the teacher gave the same.
        draw: of the request, in [0, 1); it was audited because this is below `rate`.
        rate: audit rate that was in force, in [0, 1]; None where that was not written down.
        replied_at: Unix milliseconds, by the time of the reply.
    """

    request: str
    requested_at: int
    replied_at: int
    label: str
    agreed: bool
    draw: float
    rate: float | None


class TraceSeen(NamedTuple):
    """A trace: who answered, and what it says of the version that had answered before.

    Attributes:
        same: whether the teacher gave its first answer again, where it was asked for the second time.
    """

    place: LogPosition
    teacher: Teacher
    replied_at: int
    version: str | None
    audit: AuditReply | None
    same: bool | None = None


class AlarmAnswered(NamedTuple):
    """Attributes:
    alarms: of a version that were answered by now.
    excused: the newest were answered by blocking a label.
    """

    alarms: int
    excused: bool


@dataclass(frozen=True, slots=True)
class Observations:
    """What a batch says of one task, in order within each partition; or which alarms of which versions were
    answered."""

    asked: Sequence[AuditRequested] = ()
    answered: Sequence[TraceSeen] = ()
    handled: Mapping[str, AlarmAnswered] = field(default_factory=dict)

    @property
    def versions(self) -> set[str]:
        """The versions that it says something of."""
        return set(self.requests)

    @property
    def requests(self) -> dict[str, list[str]]:
        """The requests that it says something of, for each version."""
        found: dict[str, list[str]] = {version: [] for version in self.handled}
        for asked in self.asked:
            found.setdefault(asked.version, []).append(asked.request)
        for one in self.answered:
            if one.version is not None and one.audit is not None:
                found.setdefault(one.version, []).append(one.audit.request)
        return found


def observe_traces(
    traces: Iterable[tuple[Trace, Message]], auditor: Sampler, log: str = TRACES
) -> dict[str, Observations]:
    """What traces say. An audit is of a request in the uniform sample that the surrogate had answered."""
    found: dict[str, list[TraceSeen]] = {}
    for trace, message in traces:
        audit = version = None
        if trace.audit and trace.sampled and trace.guess is not None:
            version, label = trace.guess.policy, trace.guess.label
            audit = AuditReply(
                request=trace.id,
                requested_at=trace.requested_at,
                replied_at=trace.replied_at,
                label=label,
                agreed=label == trace.label,
                draw=auditor.draw(trace.id),
                rate=trace.inclusion,
            )
        teacher, place = trace.teacher or NOBODY, _place(log, message)
        answered = TraceSeen(place, teacher, trace.replied_at, version, audit, _same(trace))
        found.setdefault(trace.task, []).append(answered)
    return {task: Observations(answered=answered) for task, answered in found.items()}


def observe_deferrals(
    deferrals: Iterable[tuple[Deferral, Message]], log: str = DEFERRALS
) -> dict[str, Observations]:
    """What deferrals say: which audits were asked for."""
    found: dict[str, list[AuditRequested]] = {}
    for deferral, message in deferrals:
        if deferral.audit and deferral.sampled and deferral.guess is not None:
            place, version = _place(log, message), deferral.guess.policy
            asked = AuditRequested(place, version, deferral.request.id, deferral.requested_at)
            found.setdefault(deferral.request.task, []).append(asked)
    return {task: Observations(asked=asked) for task, asked in found.items()}


def end_offsets(log: str, messages: Iterable[Message]) -> dict[str, int]:
    """The next offset to read, for each partition that the messages are from."""
    found: dict[str, int] = {}
    for message in messages:
        partition, offset = _place(log, message)
        found[partition] = max(found.get(partition, 0), offset + 1)
    return found


def _same(trace: Trace) -> bool | None:
    """Nothing is said where another teacher had answered the first time."""
    first = trace.first
    return None if first is None or first.teacher != trace.teacher else first.label == trace.label


def _place(log: str, message: Message) -> LogPosition:
    return LogPosition(f"{log}:{message.partition() or 0}", message.offset() or 0)
