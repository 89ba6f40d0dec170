"""What certify knows of a task as a whole: how far it is folded, its certificates, and who its teacher is."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from schemas.messages import Teacher
from streams.certify.consistency import Consistency, count_repeats
from streams.certify.observations import LogPosition, Observations, TraceSeen

_VERSIONS = 16


class CurrentTeacher(Struct, frozen=True):
    """The teacher that answers now.

    Attributes:
        since: Unix milliseconds, by the time of its first reply; 0 for the task's first teacher.
        latest: by that of its newest reply.
        told: the teacher that operators were last told of, and when.
    """

    teacher: Teacher
    since: int
    latest: int
    told: Teacher | None = None
    told_at: int = 0


class TaskState(Struct, frozen=True):
    """Attributes:
    positions: the next offset to fold, for each partition (`streams.certify.observations.LogPosition`).
    certificates: begun so far.
    versions: those that have a ledger, in the order of their first audits.
    answering: None before the first trace.
    consistency: of each teacher that was asked something twice, by its name.
    """

    positions: Mapping[str, int] = {}
    certificates: int = 0
    versions: tuple[str, ...] = ()
    answering: CurrentTeacher | None = None
    consistency: Mapping[str, Consistency] = {}

    @property
    def teacher(self) -> str:
        """The name of the teacher whose certificate is shown."""
        return name(self.answering.teacher) if self.answering else ""

    @property
    def steadiness(self) -> Consistency:
        """Of the teacher that answers now."""
        return self.consistency.get(self.teacher, Consistency())


def name(teacher: Teacher) -> str:
    """A teacher's name among the tallies."""
    return f"{teacher.model} {teacher.prompt}"


def foreign_positions(record: TaskState, logs: Mapping[str, str]) -> bool:
    """Whether it was folded from other topics than those that are read now.

    Args:
        logs: names by stream, e.g. `traces` to `traces@id`; a name without identity may be any topic's.
    """
    return any(_name(log) not in (_stream(log), logs[_stream(log)]) for log in record.positions)


def adopt_positions(record: TaskState, logs: Mapping[str, str]) -> TaskState:
    """The record with its positions under the names of now; of one that is not foreign."""
    positions: dict[str, int] = {}
    for log, at in record.positions.items():
        now = f"{logs[_stream(log)]}{log.removeprefix(_name(log))}"
        positions[now] = max(at, positions.get(now, 0))
    return replace(record, positions=positions)


def reset_state(record: TaskState) -> TaskState:
    """The record of one that has folded nothing; what certificates have spent stays spent, and who answers is
    known."""
    return TaskState(certificates=record.certificates, answering=record.answering)


def only_new(news: Observations, record: TaskState) -> Observations:
    """The news without what was folded before."""
    asked = [one for one in news.asked if not _read(one.place, record)]
    answered = [one for one in news.answered if not _read(one.place, record)]
    return Observations(asked, answered, news.handled)


def advanced(record: TaskState, news: Observations) -> TaskState:
    """The record once the news are folded."""
    positions = dict(record.positions)
    for place in (*(one.place for one in news.asked), *(one.place for one in news.answered)):
        positions[place.log] = max(positions.get(place.log, 0), place.offset + 1)
    return replace(record, positions=positions)


def with_versions(record: TaskState, versions: Iterable[str]) -> tuple[TaskState, tuple[str, ...]]:
    """The record with these versions among those that have a ledger, and the oldest over the limit."""
    new = [version for version in versions if version not in record.versions]
    every = (*record.versions, *new)
    return replace(record, versions=every[-_VERSIONS:]), every[:-_VERSIONS]


def with_teacher(record: TaskState, traces: Iterable[TraceSeen], now: int) -> TaskState:
    """The record with the teacher that gave the newest reply. Replies from the future count as from now."""
    current = record.answering
    for trace in traces:
        at = min(trace.replied_at, now)
        if current is None or (trace.teacher != current.teacher and at >= current.latest):
            told = (current.told, current.told_at) if current else (None, 0)
            current = CurrentTeacher(trace.teacher, at if current else 0, at, *told)
        elif trace.teacher == current.teacher:
            current = replace(current, latest=max(at, current.latest))
    return replace(record, answering=current)


def with_repeats(record: TaskState, traces: Iterable[TraceSeen]) -> TaskState:
    """The record with the answers to second questions."""
    answers = [(name(one.teacher), one.same) for one in traces if one.same is not None]
    return replace(record, consistency=count_repeats(record.consistency, answers))


def _read(place: LogPosition, record: TaskState) -> bool:
    return place.offset < record.positions.get(place.log, 0)


def _name(log: str) -> str:
    """Of the log that a partition belongs to."""
    return log.rpartition(":")[0]


def _stream(log: str) -> str:
    return _name(log).partition("@")[0]
