"""config set says what it changes, warns of lost guarantees, and understands what people type."""

import asyncio
import json
from pathlib import Path

import pytest
from msgspec import Struct

from infra.console.config_fields import meanings
from infra.serve.config_topic import read_overrides
from models.artifact import Artifact
from models.manifest import Manifest
from schemas.call_limits import CallLimits, Price
from schemas.chat import ChatConfig
from schemas.config import Config, Refit, TeacherConfig
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.registry import Registry
from tests.infra.conftest import Run


@pytest.fixture
def config(settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a Redis, for `config` and a task."""
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    return settings


async def publish(settings: Settings, redis_url: str, version: str, artifact: Artifact) -> None:
    connection = Connection(redis_url)
    try:
        registry = Registry(connection, settings.keys, 5)
        assert await registry.publish("shop", version, 7, 1, artifact, 1_000)
    finally:
        await connection.aclose()


def test_prompts_that_were_not_learned_from_are_warned_of(understudy: Run, config: Settings) -> None:
    ended = understudy("config", "set", "shop", "chat.prompts=*", "chat.ignored_paths=$.id,$.at")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out) == {"chat": {"prompts": ["*"], "ignored_paths": ["$.id", "$.at"]}}
    assert "warning: `chat.prompts`: the surrogate answers prompts" in ended.err


def test_set_says_what_it_changes(understudy: Run, config: Settings, redis_url: str, policy: Path) -> None:
    artifact = Artifact.read(policy)
    version = Manifest.decode(artifact.manifest).version
    asyncio.run(publish(config, redis_url, version, artifact))
    ended = understudy("config", "set", "*", "target_agreement=0.9999")
    assert ended.err.startswith(
        f"target_agreement: 0.95 -> 0.9999\nshop: {version} should now answer about 0% "
    )
    ended = understudy("config", "set", "shop", "threshold=0", "audit_rate=0")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out) == {"threshold": 0, "audit_rate": 0}
    assert "threshold: null -> 0.0\n" in ended.err
    assert "audit_rate: 0.02 -> 0.0\n" in ended.err
    assert f"shop: {version} should now answer about 99% of the requests (before: 0%)\n" in ended.err
    assert "warning: a threshold set by hand has not passed the gate" in ended.err
    assert "warning: nothing is audited: no version gets a certificate" in ended.err
    ended = understudy("config", "set", "*", "target_agreement=0.97")
    assert "should now" not in ended.err, "the threshold is set by hand"
    ended = understudy("config", "set", "shop", "threshold=null", "paused=true")
    assert "should now answer about 0% of the requests" in ended.err
    assert "still: nothing is audited" in ended.err
    assert "threshold set by hand" not in ended.err


@pytest.mark.parametrize(
    ("typed", "field", "value"),
    [
        ("teacher.labels=track, refund", "labels", ["track", "refund"]),
        ('teacher.labels=["a,b"]', "labels", ["a,b"]),
        ("teacher.labels=one", "labels", ["one"]),
        ("teacher.labels=@labels.txt", "labels", ["a,b", "c"]),
        ("teacher.prompt=@labels.txt", "prompt", "a,b\n\n c \n"),
        ("teacher.model=4", "model", "4"),
        ("teacher.url=null", "url", None),
        ('teacher.label_descriptions={"a": "b"}', "label_descriptions", {"a": "b"}),
        ("teacher.label_descriptions.refund=wants money", "label_descriptions", {"refund": "wants money"}),
        ('teacher.examples=[{"text": "hi", "label": "a"}]', "examples", [{"text": "hi", "label": "a"}]),
        ("teacher.examples=@examples.json", "examples", [{"text": "hi", "label": "a"}]),
    ],
)
def test_values_are_read_as_typed(
    understudy: Run,
    config: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    field: str,
    value: object,
) -> None:
    (tmp_path / "labels.txt").write_text("a,b\n\n c \n")
    (tmp_path / "examples.json").write_text('[{"text": "hi", "label": "a"}]\n')
    monkeypatch.chdir(tmp_path)
    ended = understudy("config", "set", "shop", typed)
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["teacher"][field] == value


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("target_agreement=95", "did you mean 0.95?"),
        ("audit_rate=2%", "did you mean 0.02?"),
        ("speed=9", "`speed`: there is no such setting"),
        ("teacher.labels=@nowhere.txt", "nowhere.txt: can't be read"),
        ("paused", "expected field=value; quote"),
    ],
)
def test_a_bad_value_is_refused_kindly(understudy: Run, config: Settings, typed: str, says: str) -> None:
    ended = understudy("config", "set", "shop", typed)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err
    assert ended.err.count("did you mean") == says.count("did you mean")
    assert read_overrides(config) == {}


def test_a_retry_count_is_no_percentage(understudy: Run, config: Settings) -> None:
    assert "did you mean" not in understudy("config", "set", "shop", "teacher.retries=50").err


def test_help_lists_every_field_with_its_meaning(understudy: Run) -> None:
    shown = understudy("config", "--help").out
    records: dict[str, type[Struct]] = {
        "": Config,
        "refit.": Refit,
        "chat.": ChatConfig,
        "teacher.": TeacherConfig,
        "teacher.price.": Price,
        "teacher.limits.": CallLimits,
        "teacher.total_limits.": CallLimits,
    }
    nested = {path.split(".")[-2] for path in records if path}
    for path, record in records.items():
        described = meanings(record)
        for name in set(record.__struct_fields__) - nested:
            assert described[name], name
            assert f"  {path}{name}=" in shown, name
    assert "  target_agreement=0.95\n" in shown
