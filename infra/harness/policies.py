"""Policies of a deployment that need no trainer: fitted elsewhere, and made active at once."""

import asyncio

from models.artifact import Artifact
from models.manifest import Manifest
from streams.clock import unix_ms
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.registry import Registry


def publish_policy(settings: Settings, task: str, artifact: Artifact) -> bool:
    """Make the policy the active one of a task that has had none; False where it has had one."""
    return asyncio.run(_publish(settings, task, artifact))


async def _publish(settings: Settings, task: str, artifact: Artifact) -> bool:
    connection = Connection(**settings.redis)
    registry = Registry(connection, settings.keys, settings.policies_kept)
    try:
        version = Manifest.decode(artifact.manifest).version
        return await registry.publish(task, version, 1, 1, artifact, unix_ms()) is not None
    finally:
        await connection.aclose()
