"""Of two trainers one leads; when it dies the other goes on where it was, and late comers are refused."""

import asyncio

from schemas.codec import EVENT, TRACE
from schemas.messages import EventKind, Reason, Trace
from streams.clock import unix_ms
from streams.state.connection import Connection
from streams.state.registry import Active, Registry
from tests.system.deployment import Deployment, Worker, wait_until
from tests.system.topics import everything
from tests.system.wishes import TASK, meant, policy, wishes

LEADS = "leads task"


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
    assert not asyncio.run(published(deployment, first.token)), "what the dead leader was about to publish"
    assert active(deployment) == second
    assert standby.stop() == 0
    fitted_on = traces_of_refits(deployment)
    assert fitted_on[first.version] <= 300 < fitted_on[second.version], "its window held the leader's traces"


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
    return asyncio.run(_active(deployment))


async def _active(deployment: Deployment) -> Active | None:
    connection = Connection(deployment.redis)
    try:
        return await Registry(connection, deployment.keys, kept=5).active(TASK)
    finally:
        await connection.aclose()


async def published(deployment: Deployment, token: int) -> bool:
    connection = Connection(deployment.redis)
    try:
        registry = Registry(connection, deployment.keys, kept=5)
        return await registry.publish(TASK, "late", 99, token, policy(TASK), unix_ms())
    finally:
        await connection.aclose()


def traces_of_refits(deployment: Deployment) -> dict[str, int]:
    """How many traces each version that went live was fitted on."""
    events = [EVENT.decode(message.value()) for message in everything(deployment, deployment.topics.events)]
    return {
        event.details["version"]: event.details["traces"]
        for event in events
        if event.kind is EventKind.PROMOTED
    }
