"""Of two trainers one leads; when it dies the other goes on where it was, and late comers are refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from models.manifest import Manifest
from schemas.codec import TRACE
from schemas.messages import Reason, Trace
from streams.clock import unix_ms
from streams.posture import Active
from streams.state.connection import Connection
from streams.state.registry import Registry
from tests.system.deployment import Deployment, Worker, wait_until
from tests.system.wishes import TASK, meant, policy, wishes

LEADS = "leads task"

Answer = TypeVar("Answer")


def test_the_standby_publishes_after_the_leader_was_killed_and_outdates_its_token(
    deployment: Deployment,
) -> None:
    deployment.environment = {"UNDERSTUDY_LEASE": "3"}
    trainers = [deployment.worker("trainer"), deployment.worker("trainer")]
    teach(deployment, 300, "first")
    wait_until(lambda: active(deployment) is not None, 60, "a policy")
    first, (leader, standby) = active(deployment), led_by(trainers)
    leader.kill()
    teach(deployment, 300, "second")
    wait_until(lambda: active(deployment) != first, 60, "a policy by the standby")
    second = active(deployment)
    assert first is not None
    assert second is not None
    assert second.token > first.token
    assert not published(deployment, first.token), "what the dead leader was about to publish"
    assert active(deployment) == second
    assert standby.stop() == 0
    assert traces(deployment, first.version) <= 300 < traces(deployment, second.version), (
        "its window was full"
    )


def teach(deployment: Deployment, count: int, name: str) -> None:
    """Put traces on their topic, as the role `learn` does."""
    producer = deployment.producer()
    for request in wishes(count, name):
        label, at = meant(request.text), unix_ms()
        trace = Trace(
            request.id, TASK, label, Reason.NO_POLICY, False, True, "text", at, at, text=request.text
        )
        producer.produce(deployment.topics.traces, TRACE.encode(trace), request.id.encode())
    assert producer.flush(10) == 0


def led_by(trainers: list[Worker]) -> tuple[Worker, Worker]:
    """The one that leads, then the other."""
    leader, standby = sorted(trainers, key=lambda trainer: not trainer.wrote(LEADS))
    assert not standby.wrote(LEADS)
    return leader, standby


def active(deployment: Deployment) -> Active | None:
    return asked(deployment, lambda registry: registry.active(TASK))


def traces(deployment: Deployment, version: str) -> int:
    """How many traces a version was fitted on."""
    manifest = asked(deployment, lambda registry: registry.manifest(TASK, version))
    assert manifest is not None
    return Manifest.decode(manifest).traces


def published(deployment: Deployment, token: int) -> bool:
    """Whether a trainer with this token may publish."""
    return asked(
        deployment,
        lambda registry: registry.publish(TASK, "late", 99, token, policy(TASK), unix_ms()),
    )


def asked(deployment: Deployment, question: Callable[[Registry], Awaitable[Answer]]) -> Answer:
    """What the registry answers."""

    async def ask() -> Answer:
        connection = Connection(deployment.redis)
        try:
            return await question(Registry(connection, deployment.keys, kept=5))
        finally:
            await connection.aclose()

    return asyncio.run(ask())
