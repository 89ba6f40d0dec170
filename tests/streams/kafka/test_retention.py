"""How long a real broker keeps `traces` is what the settings say, also for a topic that is there already."""

import json
import subprocess
import sys
from typing import Any

import pytest

from infra.harness.deployment import fresh_prefix
from infra.harness.waiting import wait_until
from infra.harness.worker import environment
from streams.errors import KafkaFailed
from streams.kafka.retention import DAY, Retention, apply_traces_retention, read_retention
from streams.kafka.topic_admin import create_missing, topic_specs
from streams.settings import Settings


def settings(kafka: str, prefix: str, **given: Any) -> Settings:
    return Settings(kafka={"bootstrap.servers": kafka}, redis={"url": "redis://"}, prefix=prefix, **given)


def kept(of: Settings) -> Retention | None:
    """Of `traces`, once the broker knows the topic that it has just made."""
    wait_until(lambda: _knows(of), 30, "the broker to know its topic")
    return read_retention(of, of.topics.traces)


def _knows(of: Settings) -> bool:
    try:
        return read_retention(of, of.topics.traces) is not None
    except KafkaFailed:
        return False


def test_traces_are_kept_for_ever_by_default(kafka: str) -> None:
    default = settings(kafka, fresh_prefix("retention"))
    create_missing(default)
    found = kept(default)
    assert found is not None
    assert found.kept is None
    assert found.latest_removal(written_at=5) is None
    assert not apply_traces_retention(default, default.topics.traces)


def test_new_traces_get_the_set_retention(kafka: str) -> None:
    monthly = settings(kafka, fresh_prefix("retention"), traces_retention=30)
    create_missing(monthly)
    assert kept(monthly) == Retention(30 * DAY, DAY)
    assert kept(monthly).latest_removal(written_at=5) == 5 + 31 * DAY
    assert not apply_traces_retention(monthly, monthly.topics.traces)


def test_present_traces_get_it_with_topics_create(kafka: str) -> None:
    prefix = fresh_prefix("retention")
    default = settings(kafka, prefix)
    create_missing(default)
    assert kept(default) == Retention(None, 7 * DAY)
    weekly = settings(kafka, prefix, traces_retention=7)
    command = [sys.executable, "-m", "infra.cli", "topics", "create"]
    variables = {**environment(weekly), "UNDERSTUDY_TRACES_RETENTION": "7"}
    topics = (weekly.topics.traces, weekly.topics.audit_failures)
    applied = "".join(f"{topic} keeps messages for 7 days from now on\n" for topic in topics)
    for said in (applied, ""):
        ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
        assert ended.stderr == f"all topics are there\n{said}"
    assert kept(weekly) == Retention(7 * DAY, DAY)
    assert read_retention(weekly, weekly.topics.requests).kept == 7 * DAY


def test_a_missing_topic_is_said_to_be_missing(kafka: str) -> None:
    with pytest.raises(KafkaFailed, match="could not read the retention"):
        read_retention(settings(kafka, fresh_prefix("retention")), "no-such-topic")


def test_two_processes_may_create_the_topics(kafka: str) -> None:
    both = settings(kafka, fresh_prefix("retention"))
    made = create_missing(both)
    assert set(made) == set(both.topics.all())
    assert create_missing(both) == []


def test_what_is_kept_by_key_is_compacted() -> None:
    default = settings("", "x")
    options = {spec.name: spec.options for spec in topic_specs(default)}
    compacted = {name for name, config in options.items() if config.get("cleanup.policy") == "compact"}
    assert compacted == {default.topics.config, default.topics.feedback, default.topics.forgotten}
    assert json.loads(options[default.topics.traces]["retention.ms"]) == -1
