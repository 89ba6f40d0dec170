"""What audits prove stays right whatever happens to replies, to Redis and to certify itself."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest
from confluent_kafka.admin import AdminClient

from infra.harness.waiting import Stalled
from infra.serve.status import task_statuses
from schemas.codec import DEFERRAL, EVENT, REPLY, TRACE
from schemas.messages import Deferral, Guess, Reason, Reply, Request, Teacher, Trace
from streams.certify.status import CertificateStatus
from streams.kafka.topic_admin import create_missing
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded
from tests.system.wishes import TASK, VERSION, publish

PARTITIONS = 4
FIRST = Teacher("model", "first prompt")


def deferral(number: int) -> Deferral:
    """Of an audit that the surrogate answered with `track`."""
    request = Request(f"r{number}", TASK, text="where is it?")
    guess = Guess("track", 0.9, 0.0, VERSION)
    return Deferral(request, Reason.AUDIT, True, True, "text", number, guess=guess, inclusion=1.0)


def trace(number: int, label: str = "track", teacher: Teacher = FIRST, replied_at: int = 1) -> Trace:
    """What a teacher that answers with `label` made of it."""
    asked = deferral(number)
    return Trace(
        id=asked.request.id,
        task=TASK,
        label=label,
        reason=Reason.AUDIT,
        audit=True,
        sampled=True,
        embedder="text",
        requested_at=number,
        replied_at=replied_at,
        guess=asked.guess,
        teacher=teacher,
        inclusion=1.0,
    )


def produce(deployment: Deployment, topic: str, values: Sequence[bytes]) -> None:
    """Put messages on a topic, round its partitions."""
    producer = deployment.producer()
    for number, value in enumerate(values):
        producer.produce(topic, value, b"key", partition=number % PARTITIONS)
    assert producer.flush(30) == 0


def status(deployment: Deployment) -> CertificateStatus:
    return asyncio.run(_finding(deployment))


def wait_for(
    deployment: Deployment, what: str, happened: Callable[[CertificateStatus], bool]
) -> CertificateStatus:
    """The status once it is as it should be."""
    seen: list[CertificateStatus] = []

    def looked() -> bool:
        seen.append(status(deployment))
        return happened(seen[-1])

    try:
        wait_until(looked, 90.0, what)
    except Stalled as overdue:
        overdue.add_note(f"the last one: {seen[-1]}")
        raise
    return seen[-1]


def test_late_lost_and_doubled_replies_count_right(
    deployment: Deployment,
) -> None:
    deployment.configure(TASK, audit_rate=1.0, audit_overdue=1.0, alarm_run_length=1e6)
    deferrals = [deferral(number) for number in range(300)]
    produce(deployment, deployment.topics.deferrals, [DEFERRAL.encode(one) for one in deferrals])
    shuffled = sorted(range(300), key=lambda number: number * 7919 % 300)
    lost, answered = shuffled[:12], shuffled[12:]
    replies = [
        REPLY.encode(Reply(deferrals[number], "track", FIRST)) for number in [*answered, *answered[::3]]
    ]
    produce(deployment, deployment.topics.replies, replies)
    deployment.worker("learn", "certify")
    silent = wait_for(
        deployment, "twelve overdue audits", lambda found: (found.audits, found.overdue) == (288, 12)
    )
    assert (silent.agreements, silent.pending, silent.certified) == (288, 12, False)
    late = [REPLY.encode(Reply(deferrals[number], "track", FIRST)) for number in lost]
    produce(deployment, deployment.topics.replies, late)
    whole = wait_for(deployment, "all replies", lambda found: (found.audits, found.pending) == (300, 0))
    assert (whole.agreements, whole.overdue, whole.certified) == (300, 0, True)
    assert whole.bound > silent.bound
    deployment.stop()


def test_a_recreated_topic_is_counted_from_its_start(
    deployment: Deployment,
) -> None:
    deployment.configure(TASK, audit_rate=1.0)
    produce(deployment, deployment.topics.traces, [TRACE.encode(trace(number)) for number in range(400)])
    certify = deployment.worker("certify")
    wait_for(deployment, "400 audits", lambda found: found.audits == 400)
    admin = AdminClient({"bootstrap.servers": deployment.kafka})
    admin.delete_topics([deployment.topics.traces])[deployment.topics.traces].result(30)
    wait_until(lambda: bool(create_missing(deployment.settings)), 60, "the topic to be gone and made again")
    wait_until(lambda: not certify.runs, 60, f"the end of the worker, see {certify.log}")
    assert certify.process.returncode == 1
    assert "was deleted and made again" in certify.output()
    produce(deployment, deployment.topics.traces, [TRACE.encode(trace(number)) for number in range(400, 500)])
    deployment.worker("certify")
    wait_for(deployment, "the new topic's audits", lambda found: found.audits == 100)
    deployment.stop()


def test_a_lost_redis_is_rebuilt_from_the_topics(
    deployment: Deployment,
) -> None:
    """It was emptied or set back to an old snapshot; until it is whole nothing is certified."""
    deployment.configure(TASK, audit_rate=1.0)
    produce(deployment, deployment.topics.traces, [TRACE.encode(trace(number)) for number in range(400)])
    asked = [DEFERRAL.encode(deferral(number)) for number in (7, 1000, 1001)]
    produce(deployment, deployment.topics.deferrals, asked)
    deployment.worker("certify")
    victim = deployment.worker("certify")

    def whole(audits: int) -> Callable[[CertificateStatus], bool]:
        return lambda found: (found.audits, found.pending, found.certified) == (audits, 2, True)

    wait_for(deployment, "400 audits", whole(400))
    snapshot = asyncio.run(_snapshot(deployment))
    produce(deployment, deployment.topics.traces, [TRACE.encode(trace(number)) for number in range(400, 600)])
    wait_for(deployment, "600 audits", whole(600))
    asyncio.run(_restore(deployment, snapshot))
    wait_for(deployment, "what an old snapshot lacks", whole(600))
    asyncio.run(_restore(deployment, {}))
    wait_for(
        deployment,
        "what an emptied Redis lacks",
        lambda found: whole(600)(found) or _not_in_part(found, 600),
    )
    asyncio.run(_restore(deployment, {}))
    victim.kill()
    deployment.worker("certify")
    wait_for(deployment, "the same after kill -9", whole(600))
    produce(deployment, deployment.topics.traces, [TRACE.encode(trace(number)) for number in range(600, 640)])
    wait_for(deployment, "what comes after", whole(640))
    deployment.stop()


def test_target_delta_and_teacher_change_live(
    deployment: Deployment,
) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0)
    traces = [TRACE.encode(trace(number)) for number in range(400)]
    produce(deployment, deployment.topics.traces, traces)
    deployment.worker("certify")
    with Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events:
        first = wait_for(deployment, "a certificate", lambda found: found.certified and found.audits == 400)
        deployment.configure(TASK, audit_rate=1.0, target_agreement=0.999)
        raised = wait_for(deployment, "no certificate", lambda found: not found.certified)
        assert (raised.bound, raised.target) == (first.bound, 0.999)
        deployment.configure(TASK, audit_rate=1.0, target_agreement=0.9, delta=0.001)
        lowered = wait_for(deployment, "a certificate for less", lambda found: found.certified)
        assert (lowered.audits, lowered.bound < first.bound) == (400, True)
        second = Teacher("model", "second prompt")
        changed = [TRACE.encode(trace(number, "track", second, 2)) for number in range(1000, 1003)]
        produce(deployment, deployment.topics.traces, changed)
        restarted = wait_for(deployment, "a certificate of its own", lambda found: found.audits == 3)
        assert not restarted.certified
        (standing,) = task_statuses(deployment.settings, {})
        assert (standing.version, standing.audits, standing.certified) == (VERSION, 3, False)
        shown = deployment.run("status").stdout
        assert "not certified yet: " in shown
        assert f"an agreement of at least {standing.bound:.1%}" in shown
        told = events.wait_for(9)
    kinds = Counter(event.kind.value for event in told if event.kind.value != "config_applied")
    service = {"service_certified": 2, "service_certificate_lost": 1}
    assert kinds == {"certified": 2, "certificate_lost": 1, "teacher_changed": 1, **service}
    deployment.stop()


def _not_in_part(found: CertificateStatus, audits: int) -> bool:
    if found.certified and found.audits != audits:
        pytest.fail(f"claimed from a part: {found}")
    return False


async def _finding(deployment: Deployment) -> CertificateStatus:
    connection = Connection(deployment.redis)
    try:
        return await AuditStore(connection, deployment.keys).status(TASK, VERSION)
    finally:
        await connection.aclose()


async def _snapshot(deployment: Deployment) -> dict[bytes, bytes]:
    """All keys as they are."""
    connection = Connection(deployment.redis)
    try:
        names = [key async for key in connection.redis.scan_iter(f"{deployment.prefix}:*")]
        async with connection.redis.pipeline() as pipeline:
            for name in names:
                pipeline.dump(name)
            return dict(zip(names, await pipeline.execute(), strict=True))
    finally:
        await connection.aclose()


async def _restore(deployment: Deployment, snapshot: Mapping[bytes, bytes]) -> None:
    """Set Redis back, in one step as a restart would; an empty snapshot empties it."""
    connection = Connection(deployment.redis)
    try:
        names = [key async for key in connection.redis.scan_iter(f"{deployment.prefix}:*")]
        async with connection.redis.pipeline(transaction=True) as pipeline:
            if names:
                pipeline.delete(*names)
            for name, value in snapshot.items():
                pipeline.restore(name, 0, value)
            await pipeline.execute()
    finally:
        await connection.aclose()
