"""The oldest message that a group has not committed, on a real broker with transactions."""

from confluent_kafka import Consumer, Producer, TopicPartition

from infra.harness.deployment import fresh_prefix
from infra.harness.waiting import wait_until
from streams.errors import KafkaFailed
from streams.kafka.backlog import GroupObserver, oldest_unread
from streams.kafka.topic_admin import create_missing
from streams.settings import Settings


def test_the_oldest_unread_message_is_found(kafka: str) -> None:
    settings = Settings(
        kafka={"bootstrap.servers": kafka}, redis={"url": "redis://"}, prefix=fresh_prefix("unread")
    )
    create_missing(settings)
    topic, group = settings.topics.audits, f"{settings.prefix}.theirs"
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": settings.prefix})
    producer.init_transactions(30)
    for at in (1_000_000, 2_000_000, 3_000_000):
        producer.begin_transaction()
        for partition in (0, 1):
            producer.produce(topic, b"x", partition=partition, timestamp=at + partition)
        producer.commit_transaction(30)

    def oldest() -> int | None:
        return oldest_unread(settings, group, topic)

    def commit(*offsets: int) -> None:
        consumer = Consumer({"bootstrap.servers": kafka, "group.id": group})
        positions = [TopicPartition(topic, at, offset) for at, offset in enumerate(offsets)]
        consumer.commit(offsets=positions, asynchronous=False)
        consumer.close()

    def answers() -> bool:
        try:
            return oldest() == 1_000_000
        except KafkaFailed:
            return False

    wait_until(answers, 30, "the broker to know the group, which has committed nothing")
    # Each message is followed by its transaction's marker.
    commit(3, 1)
    assert oldest() == 2_000_001
    observer = GroupObserver(settings, group, topic)
    progress = observer.look()
    assert (progress.ends[0], progress.unread) == (6, {0: 4, 1: 2})
    assert {0: progress.committed[0], 1: progress.committed[1]} == {0: 3, 1: 1}
    clients = (observer._observer, observer._peeker)
    commit(3, 3)
    assert oldest() == 3_000_000
    assert observer.look().unread == {0: 4, 1: 4}
    commit(5, 5)
    assert oldest() is None, "only a marker is left"
    assert observer.look().unread == {}
    assert clients == (observer._observer, observer._peeker), "no look opens others"
    observer.close()
