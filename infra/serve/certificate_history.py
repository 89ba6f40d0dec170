"""Reads the history of a task's certificates from Redis."""

import asyncio
from dataclasses import dataclass

from infra.serve.servers import redis_connection
from streams.certify.history import CertificatePoint, certified_since, lost_at
from streams.settings import Settings
from streams.status.status_reader import StatusReader


@dataclass(frozen=True, slots=True)
class VersionHistory:
    """The certificate of one version over time.

    Attributes:
        points: oldest first, the last one as it stands now; none before the first audit.
        certified_since: Unix milliseconds; None where it is not certified.
        lost_at: Unix milliseconds at which it was lost last; None where it is certified, or never was.
    """

    version: str
    points: tuple[CertificatePoint, ...]
    certified_since: int | None
    lost_at: int | None


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """The certificates of a task over time.

    Attributes:
        versions: those with audits, in the order of their first ones.
        counted: audits are counted now; where not, nothing is certified, whatever the newest points say.
    """

    task: str
    versions: tuple[VersionHistory, ...]
    counted: bool


def read_certificate_history(settings: Settings, task: str) -> TaskHistory:
    """Raises StateUnavailable: Redis is away, or holds counts that can't be read."""
    return asyncio.run(_read(settings, task))


async def _read(settings: Settings, task: str) -> TaskHistory:
    async with redis_connection(settings) as connection:
        reader = StatusReader(connection, settings.keys, settings.policies_kept)
        guard = await reader.guard()
        versions = (await reader.audits.task_state(task)).versions
        points = await reader.audits.certificate_points(task, versions)
    histories = (version_history(version, points[version]) for version in versions)
    return TaskHistory(task, tuple(one for one in histories if one.points), guard.is_fresh)


def version_history(version: str, points: tuple[CertificatePoint, ...]) -> VersionHistory:
    """The points of a version, and what follows from them."""
    return VersionHistory(version, points, certified_since(points), lost_at(points))
