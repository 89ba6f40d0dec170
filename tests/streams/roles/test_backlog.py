"""What waits for the teacher is told before Kafka deletes it: once by all workers, on a real broker."""

import asyncio
import logging

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.harness.deployment import fresh_prefix
from infra.serve.backlog import read_backlog
from schemas.codec import DEFERRAL
from schemas.config import parse_override
from schemas.events import BacklogAtRiskDetails
from schemas.messages import Request
from streams.clock import unix_ms
from streams.kafka.retention import DAY, Retention
from streams.roles.backlog import BacklogWatch, WaitingLane, backlog_event, retention_warning
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.reply_dedup import ReplyDedup, ReplyPosition
from streams.tasks import Tasks
from tests.streams.fakes import PublishedEvents, deferral

HOUR = 3600 * 1000


def test_half_of_the_retention_is_the_time_to_tell() -> None:
    lane, kept = WaitingLane("x.deferrals", "t", 7, since=1000), Retention(7 * DAY, DAY)
    assert backlog_event(lane, kept, 1000 + 7 * DAY // 2 - 1) is None
    assert backlog_event(lane, Retention(None, DAY), 1000 + 900 * DAY) is None
    event = backlog_event(lane, kept, 1000 + 5 * DAY)
    assert event is not None
    assert BacklogAtRiskDetails.of(event) == BacklogAtRiskDetails("x.deferrals", 7, 1000, 1000 + 7 * DAY)
    assert "has waited 5.0 days for the teacher, and Kafka may delete it in 2.0 days" in event.message
    late = backlog_event(lane, kept, 1000 + 8 * DAY)
    assert late is not None
    assert "may delete it now" in late.message


def test_a_topic_is_kept_longer_than_requests_wait() -> None:
    assert retention_warning("x.deferrals", Retention(HOUR + 1, DAY), "t", 3600.0) is None
    assert retention_warning("x.deferrals", Retention(None, DAY), "t", 1e9) is None
    warning = retention_warning("x.deferrals", Retention(HOUR, DAY), "t", 7200.0)
    assert warning is not None
    assert warning.startswith("x.deferrals is kept for 1 h 0 min, and requests of t wait up to 2 h 0 min")


@pytest.fixture
def settings(kafka: str, redis_url: str) -> Settings:
    """A deployment that keeps deferrals for two hours."""
    made = Settings(
        kafka={"bootstrap.servers": kafka}, redis={"url": redis_url}, prefix=fresh_prefix("backlog")
    )
    options = {"retention.ms": str(2 * HOUR)}
    admin = AdminClient({"bootstrap.servers": kafka})
    topics = made.topics
    for future in admin.create_topics(
        [
            NewTopic(name, 2, 1, config=options)
            for name in (topics.requests, topics.deferrals, topics.audits, topics.waiting)
        ]
    ).values():
        future.result(30)
    return made


def wait_for_teacher(settings: Settings, now: int) -> None:
    """Put deferrals on their topic, of which the teacher has finished the first."""
    topic, server = settings.topics.deferrals, str(settings.kafka["bootstrap.servers"])
    producer = Producer({"bootstrap.servers": server})
    ages = {"done": 119, "oldest": 90, "answered": 80, "newest": 1}
    for name, minutes in ages.items():
        value = DEFERRAL.encode(deferral(name, request=Request(name, f"task-{name}", "x")))
        producer.produce(topic, value, partition=0, timestamp=now - minutes * 60_000)
    assert producer.flush(30) == 0
    finish(settings, "teacher", topic, 1)


def finish(settings: Settings, role: str, topic: str, offset: int) -> None:
    """Let a role have finished the first partition up to an offset."""
    servers, group = str(settings.kafka["bootstrap.servers"]), f"{settings.prefix}.{role}"
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group})
    offsets = [TopicPartition(topic, 0, offset), TopicPartition(topic, 1, 0)]
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


async def test_a_backlog_at_risk_is_told_once(
    settings: Settings, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    now, events, tasks = unix_ms(), PublishedEvents(), Tasks()
    watches = [BacklogWatch(settings, tasks, connection, events) for _ in range(2)]
    await watches[0].look(now)
    assert events.is_empty(), "nobody has read the topic"
    wait_for_teacher(settings, now)
    await watches[0].look(now - HOUR)
    assert events.is_empty(), "the oldest has waited for half an hour"
    for watch in watches:
        await watch.look(now)
    event = await events.next()
    assert events.is_empty()
    details = BacklogAtRiskDetails.of(event)
    assert (event.task, details.topic, details.unread) == ("task-oldest", settings.topics.deferrals, 3)
    assert details.waiting_since == now - 90 * 60_000
    assert details.deleted_from == now + 30 * 60_000
    tasks.configure("slow", parse_override(b'{"teacher": {"give_up_after": 7200}}'))
    with caplog.at_level(logging.WARNING, "streams.roles.backlog"):
        await watches[0].look(now)
        await watches[0].look(now)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    topics = settings.topics
    assert [warning.split()[0] for warning in warnings] == [topics.deferrals, topics.audits, topics.waiting]
    assert all("requests of slow wait up to 2 h 0 min" in warning for warning in warnings)


async def test_status_knows_the_oldest_of_each_task(settings: Settings, connection: Connection) -> None:
    now = unix_ms()
    wait_for_teacher(settings, now)
    put_off = deferral("later", requested_at=now - 100 * 60_000, request=Request("later", "task-later", "x"))
    producer = Producer({"bootstrap.servers": str(settings.kafka["bootstrap.servers"])})
    for _ in range(2):
        producer.produce(settings.topics.waiting, DEFERRAL.encode(put_off), partition=0)
    assert producer.flush(30) == 0
    answered = ReplyPosition("task-answered", "answered", 0, 9, attempt=5)
    await ReplyDedup(connection, settings.keys, 600).claim([answered])
    backlog = await asyncio.to_thread(read_backlog, settings)
    assert (backlog.requests, backlog.deferrals, backlog.audits) == (None, 3, None)
    oldest = {"task-oldest": now - 90 * 60_000, "task-newest": now - 60_000}
    assert backlog.waiting is None, "nobody has read it"
    finish(settings, "teacher-waiting", settings.topics.waiting, 0)
    backlog = await asyncio.to_thread(read_backlog, settings)
    later = {"task-later": now - 100 * 60_000}
    assert backlog.oldest == {"deferrals": oldest, "audits": {}, "waiting": later}, "since the request"
    assert backlog.waiting == 2
