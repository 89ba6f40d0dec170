"""The versions of a task, as a test makes them, looks at them and stops them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from models.artifact import Artifact
from models.manifest import Manifest
from streams.clock import unix_ms
from streams.state.connection import Connection
from streams.state.registry import Registry
from streams.versions.breaker import after_alarm
from streams.versions.lifecycle import VersionStage, stages
from streams.versions.promotion import AT_ONCE, PromotionPlan
from streams.versions.serving_state import ServingState
from tests.system.deployment import Deployment
from tests.system.wishes import TASK, policy

Answer = TypeVar("Answer")


def asked(deployment: Deployment, question: Callable[[Registry], Awaitable[Answer]]) -> Answer:
    """What the registry answers."""
    return connected(deployment, lambda connection: question(Registry(connection, deployment.keys, kept=5)))


def requested_refits(deployment: Deployment) -> int:
    """Refits that are requested and not answered."""
    return connected(deployment, lambda connection: connection.redis.hlen(deployment.keys.refit_requests))


def connected(deployment: Deployment, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    """What is found out on a connection of its own."""

    async def ask() -> Answer:
        connection = Connection(deployment.redis)
        try:
            return await question(connection)
        finally:
            await connection.aclose()

    return asyncio.run(ask())


def add(
    deployment: Deployment, number: int, plan: PromotionPlan = AT_ONCE, labels: Sequence[str] | None = None
) -> None:
    """Publish the policy of the wishes as version `v<number>`; with other labels it is wrong."""
    made = policy(TASK)
    manifest = Manifest.decode(made.manifest)
    named = replace(manifest, version=f"v{number}", labels=tuple(labels or manifest.labels))
    artifact = Artifact(named.encode(), made.graph)
    assert asked(
        deployment,
        lambda registry: registry.publish(TASK, f"v{number}", number, 1, artifact, unix_ms(), plan),
    )


def stop(deployment: Deployment, version: str) -> None:
    """What certify does when the version's alarm is raised and nothing can be restored."""
    now = unix_ms()
    assert asked(
        deployment,
        lambda registry: registry.change(
            TASK, lambda found: after_alarm(found, version, None, now, "test", now)
        ),
    )


def serving_state(deployment: Deployment) -> ServingState:
    return asked(deployment, lambda registry: registry.serving_state(TASK))


def live(deployment: Deployment) -> str | None:
    """The version that is live."""
    active = serving_state(deployment).active
    return active.version if active else None


def states_of(deployment: Deployment) -> dict[str, VersionStage]:
    return stages(asked(deployment, lambda registry: registry.history(TASK)))
