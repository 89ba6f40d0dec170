"""Workers of a role share the partitions, hand them over, and fence the one that had the same slot."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing

import pytest
from confluent_kafka import Consumer, ConsumerGroupType, Producer
from confluent_kafka.admin import AdminClient

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from schemas.codec import DEFERRAL, LABEL
from schemas.messages import Request
from streams.errors import DeliveryFailed, DeliveryFatal, ProducerBroken
from streams.kafka.batch import Outgoing
from streams.kafka.delivery import ExactlyOnce
from streams.kafka.own_fence import OwnFence
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import LABELS, TASK, answers, meant, publish, wishes

WELL = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)


def test_two_routers_share_the_partitions(
    deployment: Deployment,
) -> None:
    """One takes over when the other stops."""
    serve(deployment)
    first, second = deployment.worker("route"), deployment.worker("route")
    for router in (first, second):
        router.wait_for_text("partitions assigned: role=route")
    before, after = wishes(300, "before"), wishes(300, "after")
    deployment.send(before)
    assert first.stop() == 0, first.output()
    assert "partitions revoked: role=route" in first.output()
    deployment.send(after)
    assert_routed_once(deployment, before + after)
    deployment.stop()


def test_the_loop_runs_by_the_new_group_protocol(deployment: Deployment) -> None:
    """As `kafka.group_protocol=consumer` has it (KIP-848); a second worker joins, and the first stops."""
    deployment.environment = {"UNDERSTUDY_KAFKA__GROUP_PROTOCOL": "consumer"}
    serve(deployment)
    deployment.configure("*", audit_rate=0.0, threshold=0.5)
    batches = [
        wishes(200, name) + wishes(50, f"{name}-asked", "asked") for name in ("first", "both", "second")
    ]
    roles = ("route", "teacher", "learn")
    with SimulatedTeacher(meant, LABELS, WELL) as teacher:
        deployment.configure("asked", teacher={"url": teacher.url, "model": "m", "labels": LABELS})
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            first = deployment.worker(*roles)
            deployment.send(batches[0])
            labels.wait_for(250)
            second = deployment.worker(*roles)
            second.wait_for_text("partitions assigned: role=route partitions=")
            deployment.send(batches[1])
            labels.wait_for(500)
            assert first.stop() == 0, first.output()
            deployment.send(batches[2])
            labels.wait_for(750)
            wait_until(
                lambda: (
                    has_read_all(deployment, "teacher", deployment.topics.deferrals)
                    and has_read_all(deployment, "learn", deployment.topics.replies)
                ),
                60,
                "all is read",
            )
            labels.collect()
    asked = [request for batch in batches for request in batch]
    assert Counter(label.id for label in labels.all) == Counter(request.id for request in asked)
    assert {label.id: label.label for label in labels.all} == answers(asked)
    assert {label.task: label.source for label in labels.all} == {TASK: "surrogate", "asked": "teacher"}
    client = AdminClient({"bootstrap.servers": deployment.kafka})
    groups = client.list_consumer_groups(request_timeout=30).result()
    kinds = {one.group_id: one.type for one in groups.valid if one.group_id.startswith(deployment.prefix)}
    assert {kinds[f"{deployment.prefix}.{role}"] for role in roles} == {ConsumerGroupType.CONSUMER}
    deployment.stop()


def test_a_worker_fences_its_predecessor(deployment: Deployment) -> None:
    serve(deployment)
    deployment.environment = {"UNDERSTUDY_SLOT": "a"}
    old = deployment.worker("route")
    sent = wishes(100, "before")
    deployment.send(sent)
    wait_until(lambda: has_read_all(deployment, "route", deployment.topics.requests), 60, "a first answer")
    new = deployment.worker("route")

    def fenced() -> bool:
        """It notices with its next transaction, so there must be one."""
        more = wishes(20, f"after{len(sent)}-")
        deployment.send(more)
        sent.extend(more)
        return old.process.poll() is not None

    wait_until(fenced, 60, f"the end of the one that had it, see {old.log}")
    assert old.process.returncode == 1
    assert "UNDERSTUDY_SLOT" in old.output()
    assert_routed_once(deployment, sent)
    assert new.stop() == 0


def test_a_commit_that_meets_a_newer_worker_names_the_slot(deployment: Deployment) -> None:
    """Afterwards librdkafka calls an abort a conflict: that must not be all that an operator reads."""
    servers = {"bootstrap.servers": deployment.kafka}
    options = servers | {"transactional.id": deployment.topics.labels}
    consumer, old = Consumer(servers | {"group.id": deployment.topics.labels}), Producer(options)
    output = Outgoing(deployment.topics.labels, b"key", b"value")
    delivery = ExactlyOnce(consumer, old, deployment.topics.labels, timeout=60.0)
    delivery.send([output])
    assert old.flush(30) == 0, "the transaction has its partition, so it is the commit that fails"
    Producer(options).init_transactions(30)
    delivery.send([output])
    with pytest.raises(DeliveryFatal, match="UNDERSTUDY_SLOT"), closing(consumer), closing(delivery):
        delivery.commit([])


def test_new_clients_go_on_after_a_fence_of_their_own(deployment: Deployment) -> None:
    """An attempt that was given up may reach the broker late."""
    servers = {"bootstrap.servers": deployment.kafka}
    name = deployment.topics.labels
    options = servers | {"transactional.id": name}
    output = Outgoing(name, b"key", b"value")
    own_fence = OwnFence()
    with pytest.raises(DeliveryFailed), own_fence.opening():
        raise DeliveryFailed("given up")
    consumer, first = Consumer(servers | {"group.id": name}), Producer(options)
    delivery = ExactlyOnce(consumer, first, name, timeout=60.0, own_fence=own_fence)
    Producer(options).init_transactions(30)  # the late one
    delivery.send([output])
    with pytest.raises(ProducerBroken), closing(delivery):
        delivery.commit([])
    with closing(consumer), closing(ExactlyOnce(consumer, Producer(options), name, 60.0)) as delivery:
        delivery.send([output])
        delivery.commit([])
    assert [message.key() for message in everything(deployment, name)] == [b"key"]


def serve(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure("*", audit_rate=0.0)


def assert_routed_once(deployment: Deployment, requests: Sequence[Request]) -> None:
    """Each request became one label or one deferral."""
    topics = deployment.topics
    wait_until(lambda: has_read_all(deployment, "route", topics.requests), 60, "all requests are read")
    routed = [LABEL.decode(message.value()).id for message in everything(deployment, topics.labels)]
    routed += [
        DEFERRAL.decode(message.value()).request.id for message in everything(deployment, topics.deferrals)
    ]
    assert Counter(routed) == Counter(request.id for request in requests)
