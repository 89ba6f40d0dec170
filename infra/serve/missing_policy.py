"""Tasks without a policy, each with the reason and what helps."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from infra.serve.traffic import TaskTraffic
from schemas.config import EVERY_TASK, Override, config_of
from schemas.events import Event, EventKind
from streams.status.sentences import late_teacher


@dataclass(frozen=True, slots=True)
class MissingPolicy:
    """Attributes:
    reason: why the task has no policy.
    next_step: what an operator can do about it.
    """

    task: str
    reason: str
    next_step: str


def missing_policies(
    with_policy: Collection[str],
    overrides: Mapping[str, Override],
    traffic: Mapping[str, TaskTraffic],
    outcomes: Mapping[str, Event],
    owed: Mapping[str, float],
) -> list[MissingPolicy]:
    """The tasks that are configured or have traffic, and no policy; by name.

    Args:
        outcomes: each task's newest event about what became of a fitted version.
        owed: seconds for which the teacher has owed a reply, by task.
    """
    known = {*overrides, *traffic, *outcomes, *owed} - {EVERY_TASK, *with_policy}
    return [
        _missing(task, overrides, traffic.get(task), outcomes.get(task), owed.get(task))
        for task in sorted(known)
    ]


def _missing(
    task: str,
    overrides: Mapping[str, Override],
    traffic: TaskTraffic | None,
    outcome: Event | None,
    waits: float | None,
) -> MissingPolicy:
    config = config_of(task, overrides)
    least = config.refit.at_least
    if outcome is not None and outcome.kind is EventKind.REFUSED:
        return MissingPolicy(task, f"the last fit was refused: {outcome.message}", "wait for more traces")
    if outcome is not None and outcome.kind is EventKind.TRIAL:
        return MissingPolicy(task, f"no version is live: {outcome.message}", "wait for it, or decide on it")
    if traffic is None and waits is not None:
        reason = "no labels in the last minutes, and requests that wait for the teacher"
        return MissingPolicy(task, reason, "see whether the teacher answers: `understudy doctor` asks it")
    if traffic is None:
        return MissingPolicy(
            task, "no requests in the last minutes", f"`understudy ask TEXT --task {task}` sends one"
        )
    if traffic.errors == traffic.labels:
        reason = f"the teacher fails, so there are no traces ({traffic.last_error})"
        return MissingPolicy(task, reason, "see why the teacher fails")
    reason = f"traces are collected; the first fit needs at least {least:,}"
    late = late_teacher(waits or 0.0)
    return MissingPolicy(task, reason, late or "nothing: wait for the first fit; the role `trainer` must run")
