"""State of a task in certify: how far its topics are folded, its certificates, and its current teacher."""

import dataclasses
from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from schemas.messages import Teacher
from streams.certify.consistency import Consistency, count_repeats
from streams.certify.observations import LogPosition, Observations, TraceSeen
from streams.certify.service_state import ServiceState

_VERSIONS = 16
_WEIGHT = 0.02
"""Of the newest sampled trace in a teacher's share: about the last fifty count."""
_LEAST = 0.001
"""Smaller shares are forgotten."""
_MAJORITY = 2.0
"""Times the current teacher's share that another needs to take over. At once as many, two prompts that an app
uses alike would take turns, and no trace would be young enough to certify."""
_ESTABLISHED = 1 / 3
"""Share that a task's first teacher has after about twenty sampled traces, if they are all its own."""


class CurrentTeacher(Struct, frozen=True):
    """The teacher that answers now.

    Attributes:
        since: Unix milliseconds, by the time of its first reply; 0 for the task's first teacher.
        latest: Unix milliseconds, by the time of its newest reply.
        established: false while a few calls that no version was to answer are all that is known of a task's
            teacher. One that takes over from such a teacher is the task's first: nothing has changed.
        announced: the teacher that the last event named; None before the first teacher.
        announced_at: Unix milliseconds of that event; 0 before the first one.
    """

    teacher: Teacher
    since: int
    latest: int
    announced: Teacher | None = field(default=None, name="told")
    announced_at: int = field(default=0, name="told_at")
    established: bool = True


class AnnouncedLabels(Struct, frozen=True):
    """The teacher's labels as the last event named them.

    Attributes:
        names: by their names of then; empty for any.
        renamed: new names by old ones.
        at: Unix milliseconds of that event; 0 before the first one.
    """

    names: tuple[str, ...]
    renamed: Mapping[str, str] = {}
    at: int = 0


class TaskState(Struct, frozen=True):
    """All that certify keeps of a task as a whole.

    Attributes:
        positions: the next offset to fold, for each partition (`streams.certify.observations.LogPosition`).
        certificates: how many have begun so far.
        versions: those that have a state, in the order of their first audits.
        current_teacher: None before the first trace.
        consistency: of each teacher that was asked something twice, by its name.
        service: tallies of the service's certificate; None before the first step of this release.
        labels: None before the first look at them.
        shares: of each teacher, by its name, in about the last fifty sampled traces, since a version was to
            answer a request; in a new task they add up to less than one.
    """

    positions: Mapping[str, int] = {}
    certificates: int = 0
    versions: tuple[str, ...] = ()
    current_teacher: CurrentTeacher | None = field(default=None, name="answering")
    consistency: Mapping[str, Consistency] = {}
    service: ServiceState | None = None
    labels: AnnouncedLabels | None = None
    shares: Mapping[str, float] = {}

    @property
    def teacher(self) -> str:
        """The name of the teacher whose certificate is shown."""
        return teacher_name(self.current_teacher.teacher) if self.current_teacher else ""

    @property
    def current_consistency(self) -> Consistency:
        """Consistency of the current teacher."""
        return self.consistency.get(self.teacher, Consistency())


def teacher_name(teacher: Teacher) -> str:
    """The name under which a teacher's certificates are kept."""
    return f"{teacher.model} {teacher.prompt}"


def foreign_positions(task_state: TaskState, logs: Mapping[str, str]) -> bool:
    """Whether the state was folded from other topics than those that are read now.

    Args:
        logs: names by stream, e.g. `traces` to `traces@id`; a name without identity may be any topic's.
    """
    return any(
        _name(log) not in (_stream(log), logs.get(_stream(log), _name(log))) for log in task_state.positions
    )


def adopt_positions(task_state: TaskState, logs: Mapping[str, str]) -> TaskState:
    """The state with its positions under the present names; none of them may be foreign."""
    positions: dict[str, int] = {}
    for log, offset in task_state.positions.items():
        present = f"{logs.get(_stream(log), _name(log))}{log.removeprefix(_name(log))}"
        positions[present] = max(offset, positions.get(present, 0))
    return replace(task_state, positions=positions)


def reset_state(task_state: TaskState) -> TaskState:
    """The state of a task of which nothing is folded, with its number of certificates, teacher and labels."""
    return TaskState(
        certificates=task_state.certificates,
        current_teacher=task_state.current_teacher,
        service=ServiceState(),
        labels=task_state.labels,
    )


def only_new(observations: Observations, task_state: TaskState) -> Observations:
    """The observations that were not folded before."""
    asked = [audit for audit in observations.asked if not _is_folded(audit.position, task_state)]
    answered = [trace for trace in observations.answered if not _is_folded(trace.position, task_state)]
    failed = [audit for audit in observations.failed if not _is_folded(audit.position, task_state)]
    return dataclasses.replace(observations, asked=asked, answered=answered, failed=failed)


def advance_positions(task_state: TaskState, observations: Observations) -> TaskState:
    """The state with its positions behind the observations."""
    positions = dict(task_state.positions)
    asked, answered = observations.asked, observations.answered
    seen = [
        *(audit.position for audit in asked),
        *(trace.position for trace in answered),
        *(audit.position for audit in observations.failed),
    ]
    for log, offset in seen:
        positions[log] = max(positions.get(log, 0), offset + 1)
    return replace(task_state, positions=positions)


def with_versions(task_state: TaskState, versions: Iterable[str]) -> tuple[TaskState, tuple[str, ...]]:
    """The state with these versions, and the oldest versions, which are over the limit now."""
    new = [version for version in versions if version not in task_state.versions]
    every = (*task_state.versions, *new)
    return replace(task_state, versions=every[-_VERSIONS:]), every[:-_VERSIONS]


def with_teacher(task_state: TaskState, traces: Iterable[TraceSeen], now: int) -> TaskState:
    """The state with the teacher of the newest reply; replies from the future count as from now.

    A call that no version was to answer may have anybody's prompt: such a teacher takes over once it has
    given twice as many of the newest sampled traces as the current one, and none of them was of a request
    that a version was to answer for the current one. No answer is under its name until then, and each
    certificate counts the audits of one teacher alone, whichever is the current one.
    """
    current = task_state.current_teacher
    shares = task_state.shares or ({} if current is None else _all_of(current.teacher))
    for trace in traces:
        at, teacher, is_apart = min(trace.replied_at, now), trace.teacher, trace.is_apart
        if current is None:
            current = CurrentTeacher(teacher, 0, at, established=False)
            shares = {teacher_name(teacher): 0.0}
        if trace.sampled:
            shares = _with_share(shares, teacher_name(teacher))
        if teacher == current.teacher:
            current = replace(current, latest=max(at, current.latest))
        elif at >= current.latest and not (is_apart and _is_rarer(teacher, current.teacher, shares)):
            since = at if current.established else current.since
            current = replace(current, teacher=teacher, since=since, latest=at)
        else:
            continue
        shares = shares if is_apart else _all_of(teacher)
        is_known = not is_apart or shares.get(teacher_name(teacher), 0.0) >= _ESTABLISHED
        current = replace(current, established=current.established or is_known)
    return replace(task_state, current_teacher=current, shares=shares)


def _all_of(teacher: Teacher) -> dict[str, float]:
    return {teacher_name(teacher): 1.0}


def _is_rarer(teacher: Teacher, current: Teacher, shares: Mapping[str, float]) -> bool:
    """Whether the teacher has given less than twice as many traces as the current one."""
    least = _MAJORITY * shares.get(teacher_name(current), 0.0)
    return shares.get(teacher_name(teacher), 0.0) < max(least, _LEAST)


def _with_share(shares: Mapping[str, float], teacher: str) -> Mapping[str, float]:
    """The shares after a further sampled trace of a teacher."""
    kept = {name: share * (1.0 - _WEIGHT) for name, share in shares.items()}
    kept[teacher] = kept.get(teacher, 0.0) + _WEIGHT
    return {name: share for name, share in kept.items() if share >= _LEAST}


def with_repeats(task_state: TaskState, traces: Iterable[TraceSeen]) -> TaskState:
    """The state with the answers to questions that were asked for the second time."""
    answers = [(teacher_name(trace.teacher), trace.same) for trace in traces if trace.same is not None]
    return replace(task_state, consistency=count_repeats(task_state.consistency, answers))


def _is_folded(position: LogPosition, task_state: TaskState) -> bool:
    return position.offset < task_state.positions.get(position.log, 0)


def _name(log: str) -> str:
    """Name of the log that a partition belongs to."""
    return log.rpartition(":")[0]


def _stream(log: str) -> str:
    return _name(log).partition("@")[0]
