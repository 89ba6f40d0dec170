"""Of two trainers one leads; when it dies the other goes on where it was, and late comers are refused."""

from infra.harness.worker import Worker
from models.manifest import Manifest
from schemas.codec import TRACE
from schemas.messages import Reason, Trace
from streams.clock import unix_ms
from streams.state.connection import Connection
from streams.state.refit_queue import RefitQueue
from streams.versions.serving_state import ActiveVersion
from tests.system.deployment import Deployment, wait_until
from tests.system.versions import asked, connected, requested_refits
from tests.system.wishes import TASK, meant, policy, wishes

LEADS = "trainer holds the lease"


def test_the_standby_takes_over_from_a_killed_leader(
    deployment: Deployment,
) -> None:
    """It publishes, and the leader's fencing token is out of date."""
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
    before, after = (fitted(deployment, one.version).traces for one in (first, second))
    assert before <= 300 < after, "its window was full"


def test_a_requested_refit_outlives_its_trainer(
    deployment: Deployment,
) -> None:
    deployment.environment = {"UNDERSTUDY_LEASE": "2"}
    deployment.configure(TASK, refit={"growth": 100.0, "at_least": 200})
    trainers = [deployment.worker("trainer"), deployment.worker("trainer")]
    teach(deployment, 300, "first")
    wait_until(lambda: active(deployment) is not None, 60, "a policy")
    leader, standby = led_by(trainers)
    ask_for_refit(deployment)
    leader.kill()
    teach(deployment, 250, "second")
    wait_until(lambda: requested_refits(deployment) == 0, 60, "the standby to answer the request")
    second = active(deployment)
    assert second is not None
    assert (second.version, standby.has_written(LEADS)) == ("v2", True)
    manifest = fitted(deployment, "v2")
    assert manifest.traces > 300
    assert 200 <= manifest.sampled <= 250, "traces from before the request train, and do not certify"
    deployment.stop()


def ask_for_refit(deployment: Deployment) -> None:
    """As certify does when an alarm is raised."""

    async def ask(connection: Connection) -> None:
        refits = RefitQueue(connection, deployment.keys)
        await refits.request(TASK, unix_ms(), "alarm")

    connected(deployment, ask)


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
    leader, standby = sorted(trainers, key=lambda trainer: not trainer.has_written(LEADS))
    assert not standby.has_written(LEADS)
    return leader, standby


def active(deployment: Deployment) -> ActiveVersion | None:
    return asked(deployment, lambda registry: registry.active(TASK))


def fitted(deployment: Deployment, version: str) -> Manifest:
    """What a version says of itself."""
    manifest = asked(deployment, lambda registry: registry.manifest(TASK, version))
    assert manifest is not None
    return Manifest.decode(manifest)


def published(deployment: Deployment, token: int) -> bool:
    """Whether a trainer with this token may publish."""
    return bool(
        asked(
            deployment,
            lambda registry: registry.publish(TASK, "late", 99, token, policy(TASK), unix_ms()),
        )
    )
