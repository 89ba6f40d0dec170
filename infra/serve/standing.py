"""How each task stands, read from Redis and the config: for `status` and the live view."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from models.manifest import Manifest
from schemas.config import Config, Override, config_of
from streams.live import threshold
from streams.settings import Settings
from streams.state.audits import Audits
from streams.state.connection import Connection
from streams.state.registry import Registry


@dataclass(frozen=True, slots=True)
class Standing:
    """Attributes:
    since: Unix milliseconds at which the version went live.
    threshold: certified for the target, or set by the operator; None where nothing is.
    audits, agreements: of this version.
    """

    task: str
    version: str
    since: int
    traces: int
    target: float
    threshold: float | None
    audits: int
    agreements: int


def standings(settings: Settings, overrides: Mapping[str, Override]) -> list[Standing]:
    """All tasks that have a policy, by name.

    Raises:
        StateUnavailable: Redis is away.
    """
    return asyncio.run(_standings(settings, overrides))


async def _standings(settings: Settings, overrides: Mapping[str, Override]) -> list[Standing]:
    connection = Connection(**settings.redis)
    registry = Registry(connection, settings.keys, settings.policies_kept)
    audits = Audits(connection, settings.keys)
    try:
        found = [
            await standing(
                registry,
                audits,
                task,
                config_of(task, overrides),
            )
            for task in sorted(await registry.tasks())
        ]
    finally:
        await connection.aclose()
    return [one for one in found if one is not None]


async def standing(registry: Registry, audits: Audits, task: str, config: Config) -> Standing | None:
    """How one task stands; None while it has no policy."""
    active = await registry.active(task)
    artifact = await registry.fetch(task, active.version) if active else None
    if active is None or artifact is None:
        return None
    manifest = Manifest.decode(artifact.manifest)
    counts = await audits.counts(task, active.version)
    return Standing(
        task=task,
        version=active.version,
        since=active.since,
        traces=manifest.traces,
        target=config.target_agreement,
        threshold=threshold(manifest, config),
        audits=counts.audits,
        agreements=counts.agreements,
    )
