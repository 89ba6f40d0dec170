"""Audits: the client is answered once, the teacher's reply is one trace, and it is counted once."""

import asyncio

from schemas.codec import LABEL, TRACE
from streams.state.audits import Audits, Counts
from streams.state.connection import Connection
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import TASK, VERSION, answers, publish, wishes

REQUESTS = 300


def test_an_audit_is_one_label_one_trace_one_count_though_replies_repeat_and_certify_is_killed(
    deployment: Deployment,
) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0)
    requests = wishes(REQUESTS, "audited")
    deployment.worker("route", "learn")
    certify = deployment.worker("certify")
    with (
        GoldTeacher(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        deployment.send(requests[:100])
        traces.wait_for(50)
        certify.kill()
        deployment.send(requests[100:])
        deployment.worker("certify")
        traces.wait_for(REQUESTS)
    reply_again(deployment)
    for role, topic in (("learn", deployment.topics.replies), ("certify", deployment.topics.traces)):
        wait_until(
            lambda role=role, topic=topic: has_read_all(deployment, role, topic), 60, f"{role} has read all"
        )
    deployment.stop()
    found = [TRACE.decode(message.value()) for message in everything(deployment, deployment.topics.traces)]
    labels = [LABEL.decode(message.value()) for message in everything(deployment, deployment.topics.labels)]
    assert sorted(trace.id for trace in found) == sorted(request.id for request in requests)
    assert sorted(label.id for label in labels) == sorted(request.id for request in requests)
    audited = [trace for trace in found if trace.audit]
    assert {label.id for label in labels if label.source == "surrogate" and label.audited} == {
        trace.id for trace in audited
    }
    agreed = sum(trace.guess is not None and trace.guess.label == trace.label for trace in audited)
    assert counts(deployment) == Counts(len(audited), agreed)
    assert len(audited) > REQUESTS / 2


def reply_again(deployment: Deployment) -> None:
    """Produce every reply a second time."""
    producer = deployment.producer()
    for message in everything(deployment, deployment.topics.replies):
        producer.produce(deployment.topics.replies, message.value(), message.key())
    assert producer.flush(10) == 0


def counts(deployment: Deployment) -> Counts:
    async def read() -> Counts:
        connection = Connection(deployment.redis)
        try:
            return await Audits(connection, deployment.keys).counts(TASK, VERSION)
        finally:
            await connection.aclose()

    return asyncio.run(read())
