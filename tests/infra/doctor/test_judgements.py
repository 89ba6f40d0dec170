"""Each thing that is wrong is said, with what to do; what is right gives no warning."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.doctor.kafka import KafkaFacts, TopicFacts, judge_kafka
from infra.doctor.process import disk_findings, settings_findings
from schemas.config import Config, config_of, parse_override
from schemas.topics import Topics
from streams.kafka.retention import DAY, Retention
from streams.settings import Settings
from streams.status.finding import Finding, Level, worst
from streams.status.redis_findings import RedisFacts, judge_redis

TOPICS = Topics("x")
HOUR = 3600.0
KAFKA = KafkaFacts(
    brokers=3,
    topics=dict.fromkeys(TOPICS.all(), TopicFacts(4, 3)),
    retention={TOPICS.deferrals: Retention(7 * DAY, DAY), TOPICS.audits: None},
    takes=dict.fromkeys(TOPICS.all(), 1_048_588),
)
REDIS = RedisFacts("8.0", used=10, limit=0, eviction="noeviction", persists=True, ahead=0.2)


def wrong(findings: Iterable[Finding]) -> list[tuple[Level, str]]:
    return [(each.level, each.text) for each in findings if each.level is not Level.OK]


def kafka(facts: KafkaFacts, longest_wait: float = HOUR) -> list[tuple[Level, str]]:
    return wrong(judge_kafka(facts, TOPICS, longest_wait, 1_040_000))


def test_nothing_is_said_where_all_is_well() -> None:
    assert kafka(KAFKA) == []
    assert wrong(judge_redis(REDIS)) == []


@pytest.mark.parametrize(
    ("facts", "level", "said"),
    [
        (replace(KAFKA, topics={}), Level.PROBLEM, "run `understudy topics create`"),
        (
            replace(KAFKA, topics={**KAFKA.topics, TOPICS.labels: TopicFacts(4, 3, leaderless=1)}),
            Level.PROBLEM,
            "no leader: x.labels",
        ),
        (
            replace(KAFKA, topics={**KAFKA.topics, TOPICS.traces: TopicFacts(4, 1)}),
            Level.WARNING,
            "one copy only, which is lost with its broker: x.traces",
        ),
        (replace(KAFKA, refuses_transactions="no"), Level.PROBLEM, "grants no transactions (no)"),
        (
            replace(KAFKA, retention={TOPICS.deferrals: Retention(DAY // 48, DAY)}),
            Level.WARNING,
            "raise its `retention.ms`",
        ),
        (
            replace(KAFKA, takes={TOPICS.labels: 100_000}),
            Level.WARNING,
            "x.labels take less than the 1,040,000",
        ),
    ],
)
def test_what_is_wrong_with_kafka_is_said(facts: KafkaFacts, level: Level, said: str) -> None:
    (found,) = kafka(facts)
    assert found[0] is level
    assert said in found[1]


def test_one_broker_may_have_one_copy() -> None:
    alone = dict.fromkeys(TOPICS.all(), TopicFacts(4, 1))
    assert kafka(replace(KAFKA, brokers=1, topics=alone)) == []


@pytest.mark.parametrize(
    ("facts", "level", "said"),
    [
        (replace(REDIS, limit=100, eviction="allkeys-lru"), Level.PROBLEM, "set noeviction"),
        (replace(REDIS, used=90, limit=100), Level.WARNING, "90% of `maxmemory`"),
        (replace(REDIS, persists=False), Level.WARNING, "turn on `appendonly`"),
        (replace(REDIS, ahead=-3_600.0), Level.WARNING, "3,600 s behind this host's"),
    ],
)
def test_what_is_wrong_with_redis_is_said(facts: RedisFacts, level: Level, said: str) -> None:
    (found,) = wrong(judge_redis(facts))
    assert found[0] is level
    assert said in found[1]


def config(**teacher: str) -> Config:
    raw = json.dumps({"teacher": teacher}).encode()
    return config_of("t", {"t": parse_override(raw)})


def test_keys_are_missed_only_where_an_llm_is_named() -> None:
    configs = {"*": Config(), "t": config(url="http://h/v1", key_env="OPENAI_API_KEY")}
    settings = Settings(audit_key=SecretStr("secret"))
    assert wrong(settings_findings(settings, {"*": Config()}, {})) == []
    assert wrong(settings_findings(settings, configs, {"OPENAI_API_KEY": "k"})) == []
    assert "OPENAI_API_KEY is not set here" in wrong(settings_findings(settings, configs, {}))[0][1]
    listed = Settings(audit_key=SecretStr("secret"), key_env=("OTHER",))
    assert wrong(settings_findings(listed, configs, {"OPENAI_API_KEY": "k"}))[0][0] is Level.PROBLEM
    assert wrong(settings_findings(Settings(), {}, {}))[0][0] is Level.PROBLEM, "the public audit key"


def test_a_folder_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    (found,) = disk_findings(tmp_path / "a" / "b")
    assert found.about == "disk"


def test_the_worst_level_counts() -> None:
    levels = [Level.OK, Level.PROBLEM, Level.WARNING]
    assert worst(Finding(level, "", "") for level in levels) is Level.PROBLEM
    assert worst([]) is Level.OK
