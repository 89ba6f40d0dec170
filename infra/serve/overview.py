"""Overview of all tasks: policies and certificates from Redis, traffic and backlog from Kafka."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.serve.accuracy import TaskAccuracy, read_accuracy
from infra.serve.backlog import Backlog, read_backlog
from infra.serve.config_topic import read_overrides
from infra.serve.missing_policy import MissingPolicy, missing_policies
from infra.serve.spending import read_spending
from infra.serve.status import read_absent_encoders, read_running_refits, task_statuses
from infra.serve.traffic import TaskTraffic, read_fit_outcomes, read_traffic
from schemas.config import Override
from streams.clock import unix_ms
from streams.settings import Settings
from streams.spending.day_spending import DaySpending
from streams.state.running_refits import RunningRefit
from streams.status.absent_encoders import AbsentEncoder
from streams.status.task_status import TaskStatus, with_outcome


@dataclass(frozen=True, slots=True)
class Overview:
    """Attributes:
    at: when it was read, Unix milliseconds.
    statuses: of the tasks with a policy, by name.
    missing: the tasks without one.
    refits: that run now, by task.
    spending: of today, by task, and of all together under `*`.
    encoders: that processes can't use, by task.
    """

    at: int
    statuses: list[TaskStatus]
    missing: list[MissingPolicy]
    overrides: Mapping[str, Override]
    traffic: Mapping[str, TaskTraffic]
    backlog: Backlog
    spending: Mapping[str, DaySpending]
    accuracy: Mapping[str, TaskAccuracy]
    refits: Mapping[str, RunningRefit]
    encoders: Mapping[str, Sequence[AbsentEncoder]]


def read_overview(settings: Settings, only: str | None = None) -> Overview:
    """What is known of all tasks; or of one alone, beside what concerns all.

    Args:
        only: a task that somebody knows, be it without policy, config and traffic.

    Raises:
        KafkaFailed, StateUnavailable: a server is away.
    """
    overrides, now = read_overrides(settings), unix_ms()
    statuses = task_statuses(settings, overrides)
    traffic = read_traffic(settings, now)
    outcomes = read_fit_outcomes(settings)
    statuses = [with_outcome(status, outcomes.get(status.task)) for status in statuses]
    named = overrides if only is None else {only: {}, **overrides}
    backlog = read_backlog(settings)
    owed = backlog.owed(now)
    missing = missing_policies({one.task for one in statuses}, named, traffic, outcomes, owed)
    if only is not None:
        statuses = [one for one in statuses if one.task == only]
        missing = [one for one in missing if one.task == only]
    tasks = [one.task for one in statuses] + [one.task for one in missing]
    return Overview(
        at=now,
        statuses=statuses,
        missing=missing,
        overrides=overrides,
        traffic=traffic,
        backlog=backlog,
        spending=read_spending(settings, tasks),
        accuracy={
            task: right for task, right in read_accuracy(settings, overrides).items() if only in (None, task)
        },
        refits=read_running_refits(settings, tasks),
        encoders=read_absent_encoders(settings, tasks, overrides),
    )
