"""Versions of a task for operators: which there are, in what stage, and which can go live."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.manifest import Manifest
from streams.errors import TransitionRefused
from streams.state.registry import Registry
from streams.versions.lifecycle import Transition, VersionStage, never_approved, replaced_versions, stages
from streams.versions.serving_state import ServingState


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """Attributes:
    state: None where the history does not reach back to it.
    kept: its files are in Redis, so that it can go live again.
    since: Unix milliseconds of its last move.
    reason: of that move.
    traces: that it was fitted on; None where its files were dropped.
    attempt: the gate has refused it, so it is no version, and the next fit has its name.
    """

    version: str
    state: VersionStage | None
    kept: bool
    since: int | None
    reason: str | None
    traces: int | None = None
    attempt: bool = False


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
            move is not None and move.before is None and move.after is VersionStage.REFUSED,
        )
        for name in catalog.names
    ]


async def _traces(registry: Registry, task: str, version: str) -> int | None:
    raw = await registry.manifest(task, version)
    return Manifest.decode(raw).traces if raw else None


def of_version(history: Sequence[Transition], version: str) -> list[Transition]:
    """The moves of one version."""
    return [move for move in history if move.version == version]
