"""View of the whole system: what is away or late, and what to do; by parts, each judged from what was read.

Pure. Times are Unix milliseconds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from schemas.config import EVERY_TASK
from streams.kafka.group_states import GroupState
from streams.state.refit_queue import RefitRequest
from streams.state.workers import HeardWorker
from streams.status.finding import Finding, Level
from streams.status.sentences import age
from streams.status.worker_heartbeat import STALE
from streams.wording import counted

_LATE_REFIT = 900_000
"""Milliseconds; a refit takes some minutes, and others may be before it."""
_SLOW = 60_000
_MOST_ROWS = 100


class Check(Struct, frozen=True):
    """One thing that was looked at; what to do stands in the text. `since`: as it is now."""

    level: Level
    about: str
    text: str
    since: int | None = None


class WorkerRow(Struct, frozen=True):
    """A process, as it has said itself. `since`: its start."""

    name: str
    host: str
    roles: Sequence[str]
    since: int
    level: Level
    text: str


class RoleRow(Struct, frozen=True):
    """A role's group and its topic.

    Attributes:
        members: None where the broker does not say.
        lag: messages that are not finished, in all partitions.
        lags: of each partition.
    """

    role: str
    topic: str
    members: int | None
    partitions: int
    lag: int
    lags: Sequence[int]
    level: Level
    text: str


class LaneRow(Struct, frozen=True):
    """Questions that wait for the teacher. `oldest`: since when the oldest waits; None where none does."""

    lane: str
    waiting: int
    oldest: int | None
    task: str | None
    level: Level
    text: str


class RefitRow(Struct, frozen=True):
    """A refit that was requested and is not done. `trainer`: who leads the task; None: nobody."""

    task: str
    since: int
    urgent: bool
    reason: str
    trainer: str | None
    level: Level
    text: str


class EndpointRow(Struct, frozen=True):
    """An LLM's endpoint, as the processes that call it say. `open`: of `callers`, those that call it not."""

    url: str
    model: str
    callers: int
    open: int
    level: Level
    text: str


class SpendingRow(Struct, frozen=True):
    """Today's spending of a task, or of all (`*`); `budget`: share of its nearest limit; None: no limit."""

    task: str
    calls: int
    tokens: int
    money: float
    budget: float | None


class SystemView(Struct, frozen=True):
    """Attributes:
    missing: sentences about parts that could not be read; what was known of them before is still shown.
    trainers: names, and how many tasks each leads.
    kafka_at: when the broker was asked last; None: never.
    """

    at: int
    checks: Sequence[Check]
    workers: Sequence[WorkerRow]
    roles: Sequence[RoleRow]
    lanes: Sequence[LaneRow]
    refits: Sequence[RefitRow]
    trainers: Sequence[tuple[str, int]]
    endpoints: Sequence[EndpointRow]
    spending: Sequence[SpendingRow]
    kafka_at: int | None = None


class OldestQuestion(NamedTuple):
    """The oldest of the questions that wait in a lane.

    Attributes:
        patience: milliseconds for which a question of its task may wait.
    """

    task: str
    since: int
    patience: int


def check_of(finding: Finding, since: int | None = None) -> Check:
    return Check(finding.level, finding.about, finding.text, since)


def worker_rows(heard: Iterable[HeardWorker]) -> list[WorkerRow]:
    """Those that say nothing any more come first, then those that are not ready."""
    rows = []
    for one in heard:
        report, level, text = one.report, Level.OK, "ready"
        if one.age > STALE:
            level = Level.PROBLEM
            text = (
                f"has said nothing for {age(one.age)}: it was killed, hangs, or can't reach Redis; look at "
                "its log, and start it again"
            )
        elif report.problems:
            level, text = Level.WARNING, "; ".join(report.problems)
        rows.append(WorkerRow(report.name, report.host, report.roles, report.started_at, level, text))
    return sorted(rows, key=lambda row: (-_badness(row.level), row.roles, row.name))[:_MOST_ROWS]


def role_row(state: GroupState, command: str, *, marks: bool, needed: bool) -> RoleRow:
    """Args:
    command: that starts a worker of the role.
    marks: the end of a transaction may stand at the end of each partition: one message is none.
    needed: whether anything would be wrong without the role.
    """
    lags = [max(0, one.count) if one.count > marks else 0 for one in state.unread]
    level, text = _role_problem(state, command, sum(lags), needed)
    members = None if state.members is None else len(state.members)
    return RoleRow(state.role, state.topic, members, state.partitions, sum(lags), lags, level, text)


def _role_problem(state: GroupState, command: str, lag: int, needed: bool) -> tuple[Level, str]:
    start = f"start `{command}`"
    if not state.partitions:
        return Level.PROBLEM, f"the topic {state.topic} is missing: run `understudy topics create`"
    if state.members is None:
        return Level.OK, "the broker does not say who reads it"
    if not state.members:
        if lag:
            return Level.PROBLEM, f"nobody reads it, and {lag:,} messages wait: {start}"
        if not needed:
            return Level.OK, "nobody reads it, and nothing waits"
        never = "" if state.committed else ", and nobody ever has"
        return Level.WARNING, f"nobody reads it{never}: {start}"
    owned = Counter(partition for member in state.members for partition in member.partitions)
    if len(owned) < state.partitions:
        return (
            Level.WARNING,
            f"without a reader yet: {counted(state.partitions - len(owned), 'partition')}: it is rebalancing",
        )
    return Level.OK, ""


def lane_row(lane: str, waiting: int, oldest: OldestQuestion | None, now: int) -> LaneRow:
    if oldest is None:
        return LaneRow(lane, waiting, None, None, Level.OK, "nothing waits")
    waited = now - oldest.since
    said = f"the oldest has waited {age(waited / 1000)}"
    if 2 * waited >= oldest.patience:
        level = Level.PROBLEM
        text = (
            f"{said}, and from {age(oldest.patience / 1000)} on it gets an error: look at the endpoint and "
            "at the log of the teacher, start more teacher workers, or raise `teacher.concurrency`"
        )
    elif waited >= _SLOW:
        level, text = Level.WARNING, f"{said}: the teacher is slow, limited or away"
    else:
        level, text = Level.OK, said
    return LaneRow(lane, waiting, oldest.since, oldest.task, level, text)


def refit_rows(requests: Iterable[RefitRequest], holders: Mapping[str, str], now: int) -> list[RefitRow]:
    """Args:
    holders: the trainer that leads each task.
    """
    rows = []
    for request in requests:
        trainer, level, text = holders.get(request.task), Level.OK, "its turn comes"
        if trainer is None:
            level, text = Level.PROBLEM, "no trainer leads the task: start `understudy worker trainer`"
        elif now - request.requested_at > _LATE_REFIT:
            waited = age((now - request.requested_at) / 1000)
            level, text = Level.WARNING, f"requested {waited} ago: look at the trainer's log"
        rows.append(
            RefitRow(request.task, request.requested_at, request.urgent, request.reason, trainer, level, text)
        )
    return sorted(rows, key=lambda row: (-_badness(row.level), row.since))[:_MOST_ROWS]


def trainer_counts(holders: Mapping[str, str]) -> list[tuple[str, int]]:
    return sorted(Counter(holders.values()).items())


def endpoint_rows(heard: Iterable[HeardWorker]) -> list[EndpointRow]:
    """By URL and model, as those say that are heard; what calls nobody comes first."""
    callers: Counter[tuple[str, str]] = Counter()
    opened: Counter[tuple[str, str]] = Counter()
    for one in heard:
        if one.age <= STALE:
            for endpoint in one.report.endpoints:
                callers[endpoint.url, endpoint.model] += 1
                opened[endpoint.url, endpoint.model] += endpoint.is_open
    rows = []
    for (url, model), count in callers.items():
        held = opened[url, model]
        level = Level.PROBLEM if held == count else Level.WARNING if held else Level.OK
        text = (
            "is called" if not held else "calls have failed, so one at a time probes it: look at the endpoint"
        )
        rows.append(EndpointRow(url, model, count, held, level, text))
    return sorted(rows, key=lambda row: (-_badness(row.level), row.url, row.model))[:_MOST_ROWS]


def in_view(view: SystemView, tasks: frozenset[str] | None) -> SystemView:
    """What a key for these tasks shows: nothing of other tasks, and no name of a host."""
    if tasks is None:
        return view
    return replace(
        view,
        workers=[replace(row, name="", host="") for row in view.workers],
        lanes=[row if row.task in tasks else replace(row, task=None) for row in view.lanes],
        refits=[
            replace(row, trainer=row.trainer and "a trainer") for row in view.refits if row.task in tasks
        ],
        trainers=[("", led) for _, led in view.trainers],
        endpoints=[],
        spending=[row for row in view.spending if row.task in tasks],
    )


def shown_spending(rows: Iterable[SpendingRow]) -> list[SpendingRow]:
    """All tasks together first, then those that are nearest to a limit, or have cost most."""
    spent = [row for row in rows if row.calls or row.budget is not None or row.task == EVERY_TASK]
    return sorted(
        spent,
        key=lambda row: (row.task != EVERY_TASK, -(row.budget or 0.0), -row.money, -row.calls, row.task),
    )[:_MOST_ROWS]


def _badness(level: Level) -> int:
    return list(Level).index(level)
