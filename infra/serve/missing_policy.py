"""Tasks without a policy, each with the reason and what helps."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from infra.serve.traffic import TaskTraffic
from schemas.config import EVERY_TASK, Override, config_of


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
    refusals: Mapping[str, str],
) -> list[MissingPolicy]:
    """The tasks that are configured or have traffic, and no policy; by name.

    Args:
        refusals: message of the newest event about each task's refits, where that was a refusal.
    """
    known = {*overrides, *traffic, *refusals} - {EVERY_TASK, *with_policy}
    return [_missing(task, overrides, traffic.get(task), refusals.get(task)) for task in sorted(known)]


def _missing(
    task: str, overrides: Mapping[str, Override], traffic: TaskTraffic | None, refusal: str | None
) -> MissingPolicy:
    config = config_of(task, overrides)
    least = config.refit.at_least
    if refusal is not None:
        return MissingPolicy(task, f"the last fit was refused: {refusal}", "wait for more traces")
    if traffic is None:
        return MissingPolicy(
            task, "no requests in the last minutes", f"`understudy ask TEXT --task {task}` sends one"
        )
    if traffic.errors == traffic.labels:
        reason = f"the teacher fails, so there are no traces ({traffic.last_error})"
        return MissingPolicy(task, reason, "see why the teacher fails")
    reason = f"traces are collected; the first fit needs at least {least:,}"
    return MissingPolicy(task, reason, "nothing: wait for the first fit; the role `trainer` must run")
