"""Two workers answer from two versions for a while: every answer names its own, and is audited for it."""

from collections import Counter

from infra.local.child import free_port
from schemas.codec import LABEL, TRACE
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.versions import add, connected
from tests.system.wishes import TASK, answers, publish, wishes

COUNT = 400


def test_audits_count_for_the_version_that_answered(
    deployment: Deployment,
) -> None:
    """While two versions are live on two workers."""
    deployment.configure(TASK, audit_rate=1.0, repeat_rate=0.0)
    publish(deployment)
    leading = deployment.worker("route")
    leading.wait_for_text("policy installed: version=v1")
    away = f"redis://127.0.0.1:{free_port()}/0"
    behind = deployment.worker("route", UNDERSTUDY_REDIS__URL=away)
    assert behind.has_written("policy installed: version=v1"), "from the copy that the other one made"
    add(deployment, 2)
    leading.wait_for_text("policy installed: version=v2")
    wait_until(lambda: behind.has_written("partitions assigned"), 60, "the second worker to get partitions")
    requests = wishes(COUNT, "two")
    deployment.worker("learn", "certify")
    with (
        GoldTeacher(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        deployment.send(requests)
        labels.wait_for(COUNT)
        traces.wait_for(COUNT)
        answered = {label.id: label.policy for label in labels.all if label.source == "surrogate"}
        assert set(answered.values()) == {"v1", "v2"}
        audited = [trace for trace in traces.all if trace.audit]
        assert {trace.id: trace.guess.policy for trace in audited if trace.guess} == answered
    expected = Counter(answered.values())
    wait_until(lambda: counted(deployment) == expected, 60, f"counts of {expected}")
    deployment.stop()


def counted(deployment: Deployment) -> dict[str, int]:
    """Audits that count for each version."""

    async def count(connection: Connection) -> dict[str, int]:
        audits = AuditStore(connection, deployment.keys)
        return {version: (await audits.status(TASK, version)).audits for version in ("v1", "v2")}

    return connected(deployment, count)
