"""Workers of a role share the partitions, hand them over, and fence the one that had the same slot."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing

import pytest
from confluent_kafka import Consumer, Producer

from schemas.codec import DEFERRAL, LABEL
from schemas.messages import Request
from streams.errors import DeliveryFatal
from streams.kafka.batch import Outgoing
from streams.kafka.delivery import ExactlyOnce
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import everything, has_read_all
from tests.system.wishes import publish, wishes


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
