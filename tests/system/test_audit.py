"""Audits: the client is answered once, the teacher's reply is one trace, and it is counted once."""

import asyncio
from functools import partial

from models.certificate import Certificate
from schemas.codec import LABEL, TRACE
from schemas.config import Config
from schemas.messages import Guess, Reason, Trace
from streams.certify.observations import observe_traces
from streams.certify.snapshot import Snapshot
from streams.certify.status import CertificateStatus
from streams.certify.step import step
from streams.clock import unix_ms
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, committed, decoded, everything, has_read_all, reply_again
from tests.system.wishes import TASK, VERSION, answers, publish, wishes

REQUESTS = 300
BACKLOG = 2_000


def test_an_audit_counts_once(
    deployment: Deployment,
) -> None:
    """One label, one trace and one count, though replies repeat and certify is killed."""
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0, repeat_rate=0.0)
    requests = wishes(REQUESTS, "audited")
    deployment.worker("route", "learn")
    certify = deployment.worker("certify")
    with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        deployment.send(requests[:100])
        at_once = labels.wait_for(90)
    assert {(label.source, label.audited) for label in at_once} == {("surrogate", True)}, (
        "no teacher is there yet"
    )
    with (
        GoldTeacher(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        traces.wait_for(50)
        certify.kill()
        deployment.send(requests[100:])
        deployment.worker("certify")
        traces.wait_for(REQUESTS)
    reply_again(deployment)
    for role, topic in (("learn", deployment.topics.replies), ("certify", deployment.topics.traces)):
        wait_until(partial(has_read_all, deployment, role, topic), 60, f"{role} has read all")
    deployment.stop()
    found = [TRACE.decode(message.value()) for message in everything(deployment, deployment.topics.traces)]
    told = [LABEL.decode(message.value()) for message in everything(deployment, deployment.topics.labels)]
    assert sorted(trace.id for trace in found) == sorted(request.id for request in requests)
    assert sorted(label.id for label in told) == sorted(request.id for request in requests)
    audited = [trace for trace in found if trace.audit]
    assert {label.id for label in told if label.source == "surrogate" and label.audited} == {
        trace.id for trace in audited
    }
    agreed = sum(trace.guess is not None and trace.guess.label == trace.label for trace in audited)
    assert counts(deployment) == Certificate(len(audited), agreed)
    assert len(audited) > REQUESTS / 2


def test_a_killed_certify_counts_nothing_twice(
    deployment: Deployment,
) -> None:
    """It had counted these traces, and not committed their offsets. A blocked label would leave the alarm."""
    deployment.configure(TASK, audit_rate=1.0, label_floor=0.0)
    audits = [trace(number) for number in range(BACKLOG)]
    producer = deployment.producer()
    for audit in audits:
        producer.produce(deployment.topics.traces, TRACE.encode(audit), audit.id.encode(), partition=0)
    assert producer.flush(10) == 0
    never = {"UNDERSTUDY_BATCH": "3", "UNDERSTUDY_COMMIT_INTERVAL": "60"}
    first = deployment.worker("certify", **never)
    wait_until(lambda: counts(deployment).audits > 0, 60, "a count")
    first.kill()
    assert committed(deployment, "certify", deployment.topics.traces, 0) < 0
    assert counts(deployment).audits < BACKLOG
    deployment.worker("certify")
    wait_until(
        lambda: has_read_all(deployment, "certify", deployment.topics.traces), 60, "certify has read all"
    )
    messages = everything(deployment, deployment.topics.traces)
    at_once = observe_traces([(TRACE.decode(message.value()), message) for message in messages])[TASK]
    outcome = step(
        TASK, Snapshot(), at_once, Config(audit_rate=1.0, label_floor=0.0), unix_ms(), complete=True
    )
    found = status(deployment)
    assert (found.audits, found.agreements) == (BACKLOG, BACKLOG // 2)
    assert found.says_the_same(outcome.versions[VERSION].status), "the alarm's state to the last bit"


def trace(number: int) -> Trace:
    """Of an audit; the teacher agrees with every second one."""
    guess = Guess("track", 0.9, 0.0, VERSION)
    label = "track" if number % 2 else "refund"
    return Trace(
        f"t{number}", TASK, label, Reason.AUDIT, True, True, "text", 0, 1, "where is it?", guess=guess
    )


def counts(deployment: Deployment) -> Certificate:
    found = status(deployment)
    return Certificate(found.audits, found.agreements)


def status(deployment: Deployment) -> CertificateStatus:
    async def read() -> CertificateStatus:
        connection = Connection(deployment.redis)
        try:
            return await AuditStore(connection, deployment.keys).status(TASK, VERSION)
        finally:
            await connection.aclose()

    return asyncio.run(read())
