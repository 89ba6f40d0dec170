"""Version plan: what a person wishes to do with a task's versions, checked, and ready to be made.

A plan decides on the serving state that it is given: one and the same plan shows the diff and makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.config import Config
from schemas.operator_change import ChangeWish
from streams.battery.check import battery_failure
from streams.changes.author import ChangeAuthor
from streams.changes.version_catalog import version_catalog
from streams.errors import TransitionRefused
from streams.state.registry import Registry
from streams.versions.lifecycle import VersionStage
from streams.versions.operator_commands import (
    approve_version,
    close_breaker,
    pin_version,
    put_live,
    refuse_version,
    unpin_version,
)
from streams.versions.promotion import needs_approval
from streams.versions.serving_state import ServingChange, ServingState


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """Attributes:
    decide: the change of a serving state. Raises TransitionRefused: says why there is none.
    remark: what people should know all the same; empty for nothing.
    """

    decide: Callable[[ServingState], ServingChange]
    remark: str = ""


async def version_plan(
    registry: Registry, task: str, wish: ChangeWish, author: ChangeAuthor, config: Config
) -> VersionPlan:
    """The plan of any wish but one of the config.

    Raises:
        TransitionRefused: says why it can't be.
        StateUnavailable: Redis is away.
    """
    await _check_task(registry, task)
    by, reason, at = author
    match wish.what:
        case "promote":
            return await _going_live(registry, task, _named(wish), VersionStage.RETIRED, author, config)
        case "rollback":
            return await _going_live(registry, task, wish.version, VersionStage.ROLLED_BACK, author, config)
        case "approve":
            return await _approving(registry, task, _named(wish), author, config)
        case "refuse":
            version = _named(wish)
            return VersionPlan(lambda state: refuse_version(state, version, by, reason, at))
        case "pin":
            return VersionPlan(lambda state: pin_version(state, by, reason, at))
        case "unpin":
            return await _unpinning(registry, task, author, config)
        case "close_breaker":
            return VersionPlan(lambda state: close_breaker(state, by, reason, at))
        case "config":
            raise TransitionRefused("a change of the config is no change of versions")


async def _going_live(
    registry: Registry,
    task: str,
    version: str | None,
    leaving: VersionStage,
    author: ChangeAuthor,
    config: Config,
) -> VersionPlan:
    """A version goes live; without a name, the one that was live before.

    One that fails the task's battery may come back all the same, in place of one that is rolled back: a
    remark says so.
    """
    catalog = await version_catalog(registry, task)
    chosen = version or catalog.rollback_target()
    catalog.check(chosen)
    catalog.check_approved(chosen)
    before = catalog.state(chosen)
    failure = await _battery_failure(registry, task, chosen, config)
    if failure is not None and leaving is not VersionStage.ROLLED_BACK:
        raise TransitionRefused(f"{chosen}: {failure}")
    by, reason, at = author
    remark = "" if failure is None else f"a rollback goes ahead all the same: {chosen}: {failure}"
    return VersionPlan(lambda state: put_live(state, chosen, before, leaving, by, reason, at), remark)


async def _approving(
    registry: Registry, task: str, version: str, author: ChangeAuthor, config: Config
) -> VersionPlan:
    """The version goes live that waits for approval, and passes the task's battery as it is now."""
    by, reason, at = author
    approve_version(await registry.serving_state(task), version, by, reason, at)
    (await version_catalog(registry, task)).check(version)
    await _check_battery(registry, task, version, config)
    return VersionPlan(lambda state: approve_version(state, version, by, reason, at))


async def _unpinning(registry: Registry, task: str, author: ChangeAuthor, config: Config) -> VersionPlan:
    by, reason, at = author
    approval = needs_approval(config)
    change = unpin_version(await registry.serving_state(task), by, reason, at, approval=approval)
    if change.moves and not approval:
        await _check_battery(registry, task, change.moves[-1].version, config)
    return VersionPlan(lambda state: unpin_version(state, by, reason, at, approval=approval))


async def _check_battery(registry: Registry, task: str, version: str, config: Config) -> None:
    """Raises TransitionRefused: the version fails a case of the task's battery, or can't be asked."""
    failure = await _battery_failure(registry, task, version, config)
    if failure is not None:
        raise TransitionRefused(f"{version}: {failure}")


async def _battery_failure(registry: Registry, task: str, version: str, config: Config) -> str | None:
    artifact = await registry.fetch(task, version)
    blocked = await registry.blocked_labels(task, version)
    return await battery_failure(registry.battery, task, config, artifact, blocked)


async def _check_task(registry: Registry, task: str) -> None:
    """Raises TransitionRefused: the task has no policy."""
    if task not in await registry.tasks():
        raise TransitionRefused(f"there is no task {task} with a policy")


def _named(wish: ChangeWish) -> str:
    if wish.version is None:
        raise TransitionRefused(f"name the version to {wish.what}")
    return wish.version
