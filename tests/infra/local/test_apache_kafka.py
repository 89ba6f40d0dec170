"""The local Apache Kafka is a real one, and says what to install where it can't run."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.local import cache, kafka_jars
from infra.local.apache_kafka import ApacheKafka
from infra.local.errors import DownloadFailed, ProgramMissing


def test_an_aborted_transaction_is_invisible_to_a_committed_reader(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    topic = "local-isolation"
    admin.create_topics([NewTopic(topic, 1)])[topic].result()
    with Producer({"bootstrap.servers": kafka, "transactional.id": "local-isolation"}) as producer:
        producer.init_transactions()
        for value, finish in ((b"no", producer.abort_transaction), (b"yes", producer.commit_transaction)):
            producer.begin_transaction()
            producer.produce(topic, value)
            producer.flush()
            finish()
    reader = Consumer({"bootstrap.servers": kafka, "group.id": "local", "isolation.level": "read_committed"})
    reader.assign([TopicPartition(topic, 0, 0)])
    assert [message.value() for message in reader.consume(1, timeout=30)] == [b"yes"]
    reader.close()
    admin.delete_topics([topic])[topic].result()


def test_topics_are_not_made_by_asking(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    unknown = admin.list_topics("never-made", timeout=30).topics["never-made"].error
    assert unknown.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert "never-made" not in admin.list_topics(timeout=30).topics


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cache, "user_cache_path", lambda name: tmp_path / name)


@pytest.mark.usefixtures("no_programs")
def test_without_java_the_error_says_what_to_install() -> None:
    with pytest.raises(ProgramMissing, match="apt-get install default-jre-headless"):
        ApacheKafka()


@pytest.mark.usefixtures("no_programs")
def test_without_maven_the_error_says_what_to_install() -> None:
    with pytest.raises(ProgramMissing, match="apt-get install maven"):
        kafka_jars.kafka_jars()


@pytest.mark.usefixtures("no_programs")
def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ProgramMissing, match=r"`java` and `mvn`.*default-jre-headless.*--kafka-jars"):
        kafka_jars.java_and_jars()


def test_own_jars_need_no_maven(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match="no jars of Apache Kafka"):
        kafka_jars.java_and_jars(tmp_path)
    (tmp_path / "kafka_2.13-4.2.0.jar").write_bytes(b"")
    java = kafka_jars.program("java")
    assert kafka_jars.java_and_jars(tmp_path) == (java, tmp_path)


@pytest.mark.usefixtures("no_programs")
def test_a_failed_download_leaves_nothing_and_says_what_maven_said(tmp_path: Path) -> None:
    failing = tmp_path / "mvn"
    failing.write_text("#!/bin/sh\necho no route to the repository; exit 1\n")
    failing.chmod(0o755)
    with pytest.raises(DownloadFailed, match="no route to the repository"):
        kafka_jars.kafka_jars()
    assert list((tmp_path / "understudy").iterdir()) == []
