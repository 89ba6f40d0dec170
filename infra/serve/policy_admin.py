"""Versions of a task for operators: list, put live, approve, refuse, pin, unpin, close the breaker."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from infra.console.output import note
from infra.serve.servers import redis_connection
from models.manifest import Manifest
from schemas.config import Config
from streams.battery.check import battery_failure
from streams.errors import TransitionRefused
from streams.settings import Settings
from streams.state.registry import Registry
from streams.versions.lifecycle import Transition, VersionStage, never_approved, replaced_versions, stages
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

Result = TypeVar("Result")

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """Attributes:
    state: None where the history does not reach back to it.
    kept: its files are in Redis, so that it can go live again.
    since: Unix milliseconds of its last move.
    reason: of that move.
    traces: that it was fitted on; None where its files were dropped.
    """

    version: str
    state: VersionStage | None
    kept: bool
    since: int | None
    reason: str | None
    traces: int | None = None


@dataclass(frozen=True, slots=True)
class VersionCatalog:
    """The versions of a task at one moment.

    Attributes:
        kept: versions whose files are in Redis, oldest first.
    """

    serving_state: ServingState
    history: tuple[Transition, ...]
    kept: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Every version in history or kept, oldest first."""
        return list(dict.fromkeys([*(move.version for move in self.history), *self.kept]))

    def state(self, version: str) -> VersionStage | None:
        return stages(self.history).get(version)

    def rollback_target(self) -> str:
        """The version to roll back to if the operator names none: the newest kept one that was live before.

        Raises:
            TransitionRefused: there is no such version.
        """
        replaced = replaced_versions(self.history)
        were_live = [version for version in self.kept if version in replaced]
        if not were_live:
            raise TransitionRefused(f"no kept version was live before; name one; {self._kept_list()}")
        return were_live[-1]

    def check_approved(self, version: str) -> None:
        """Raises TransitionRefused: nobody approved the version while it waited for that."""
        if version in never_approved(self.history) and self.state(version) is not VersionStage.APPROVAL:
            raise TransitionRefused(
                f"{version} was not approved, and does not wait any more; wait for the next one"
            )

    def check(self, version: str) -> None:
        """Raises TransitionRefused: the version is unknown, or its files are not kept."""
        if version in self.kept:
            return
        if version in self.names:
            raise TransitionRefused(
                f"the files of {version} are gone: it did not pass the gate, or was too old to keep "
                f"(setting `policies_kept`); {self._kept_list()}"
            )
        raise TransitionRefused(f"there is no version {version}; {self._kept_list()}")

    def _kept_list(self) -> str:
        return f"kept versions: {', '.join(self.kept) or 'none'}"


def with_registry(settings: Settings, question: Callable[[Registry], Awaitable[Result]]) -> Result:
    """The result of `question`, on a Redis connection of its own.

    Raises:
        StateUnavailable: Redis is away.
    """

    async def ask() -> Result:
        async with redis_connection(settings) as connection:
            return await question(Registry(connection, settings.keys, settings.policies_kept))

    return asyncio.run(ask())


async def version_catalog(registry: Registry, task: str) -> VersionCatalog:
    """The task's versions at one moment."""
    serving_state, history = await registry.serving_state(task), await registry.history(task)
    return VersionCatalog(serving_state, tuple(history), tuple(await registry.kept_versions(task)))


async def list_versions(registry: Registry, task: str) -> list[VersionInfo]:
    """The versions of a task, oldest first."""
    catalog = await version_catalog(registry, task)
    last = {move.version: move for move in catalog.history}
    return [
        VersionInfo(
            name,
            move.after if (move := last.get(name)) else None,
            name in catalog.kept,
            move.at if move else None,
            move.reason if move else None,
            await _traces(registry, task, name),
        )
        for name in catalog.names
    ]


async def go_live(
    registry: Registry,
    task: str,
    version: str | None,
    leaving: VersionStage,
    reason: str,
    now: int,
    config: Config,
) -> ServingChange:
    """Put a version live; without a name, the one that was live before.

    One that fails the task's battery may come back all the same, in place of one that is rolled back: a note
    says so.

    Raises:
        TransitionRefused: says why not.
    """
    catalog = await version_catalog(registry, task)
    chosen = version or catalog.rollback_target()
    catalog.check(chosen)
    catalog.check_approved(chosen)
    before = catalog.state(chosen)
    failure = await _battery_failure(registry, task, chosen, config)
    if failure is not None and leaving is not VersionStage.ROLLED_BACK:
        raise TransitionRefused(f"{chosen}: {failure}")
    if failure is not None:
        note(f"a rollback goes ahead all the same: {chosen}: {failure}")
    return await _change(
        registry, task, lambda state: put_live(state, chosen, before, leaving, OPERATOR, reason, now)
    )


async def approve(
    registry: Registry, task: str, version: str, by: str, reason: str, now: int, config: Config
) -> ServingChange:
    """Put the version live that waits for a person's approval, and passes the task's battery as it is now.

    Raises:
        TransitionRefused: says why not.
    """
    await _check_task(registry, task)
    approve_version(await registry.serving_state(task), version, by, reason, now)
    (await version_catalog(registry, task)).check(version)
    await _check_battery(registry, task, version, config)
    return await _change(registry, task, lambda state: approve_version(state, version, by, reason, now))


async def refuse(
    registry: Registry, task: str, version: str, by: str, reason: str, now: int
) -> ServingChange:
    """End the version that waits for a person's approval. Raises TransitionRefused."""
    return await _change(registry, task, lambda state: refuse_version(state, version, by, reason, now))


async def pin(registry: Registry, task: str, reason: str, now: int) -> ServingChange:
    """Stop automatic promotions. Raises TransitionRefused."""
    return await _change(registry, task, lambda state: pin_version(state, OPERATOR, reason, now))


async def unpin(registry: Registry, task: str, reason: str, now: int, config: Config) -> ServingChange:
    """Allow automatic promotions again. Raises TransitionRefused, also where what would go live fails."""
    await _check_task(registry, task)
    approval = needs_approval(config)
    change = unpin_version(await registry.serving_state(task), OPERATOR, reason, now, approval=approval)
    if change.moves and not approval:
        await _check_battery(registry, task, change.moves[-1].version, config)
    return await _change(
        registry, task, lambda state: unpin_version(state, OPERATOR, reason, now, approval=approval)
    )


async def close(registry: Registry, task: str, reason: str, now: int) -> ServingChange:
    """Close the breaker by hand. Raises TransitionRefused."""
    return await _change(registry, task, lambda state: close_breaker(state, OPERATOR, reason, now))


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


async def _change(
    registry: Registry, task: str, decide: Callable[[ServingState], ServingChange]
) -> ServingChange:
    await _check_task(registry, task)
    change = await registry.change(task, decide)
    if change is None:
        raise TransitionRefused("nothing was changed")
    return change


async def _traces(registry: Registry, task: str, version: str) -> int | None:
    raw = await registry.manifest(task, version)
    return Manifest.decode(raw).traces if raw else None


def of_version(history: Sequence[Transition], version: str) -> list[Transition]:
    """The moves of one version."""
    return [move for move in history if move.version == version]
