import logging
from collections import Counter

import pytest
from confluent_kafka import Producer

from infra.harness.deployment import fresh_prefix
from infra.harness.waiting import wait_until
from infra.serve.progress import ProgressLog, progress_line
from schemas.codec import LABEL
from schemas.messages import Label, Reason
from streams.kafka.topic_admin import trigger_auto_create
from streams.settings import Settings


def test_a_line_has_each_source() -> None:
    line = progress_line(Counter(surrogate=75, teacher=24, error=1), 10.0)
    assert line == "labels in 10 s: 100, 75% by the surrogate, 24% by the teacher, errors: 1"
    assert "errors" not in progress_line(Counter(surrogate=3), 10.0)


def test_labels_are_counted_while_they_come(embedded_kafka: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "infra.serve.progress")
    settings = Settings(kafka={"bootstrap.servers": embedded_kafka}, prefix=fresh_prefix("progress"))
    trigger_auto_create(settings)
    label = Label("1", "t", "yes", "surrogate", Reason.ACCEPTED, 0, 0)
    producer = Producer(settings.kafka)
    with ProgressLog(settings, seconds=0.2):

        def logged() -> bool:
            for value in (LABEL.encode(label), b"not a label"):
                producer.produce(settings.topics.labels, value)
            producer.flush(10)
            return "100% by the surrogate" in caplog.text

        wait_until(logged, 30.0, "a line of progress")
