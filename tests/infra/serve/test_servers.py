"""Which Kafka and Redis a command works with, and that two embedded pairs never mix."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from infra.local.errors import AlreadyRunning
from infra.serve.servers import client_settings, embedded_servers, servers
from streams.errors import InvalidSettings
from streams.settings import Settings, load_settings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Neither Kafka nor Redis is configured; the note is looked for in a fresh folder."""
    for name in [name for name in os.environ if name.startswith("UNDERSTUDY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UNDERSTUDY_DATA", str(tmp_path))
    return load_settings()


def write_note(folder: Path, pid: int) -> Path:
    note = folder / "understudy.embedded.json"
    note.write_text(json.dumps({"pid": pid, "kafka": "127.0.0.1:7", "redis": "redis://127.0.0.1:8/0"}))
    return note


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        return process.pid


def test_clients_find_embedded_servers(settings: Settings, tmp_path: Path) -> None:
    with embedded_servers(settings, "demo") as (completed, embedded):
        found = client_settings()
        assert found.kafka["bootstrap.servers"] == completed.kafka["bootstrap.servers"] == embedded.kafka
        assert found.redis["url"] == embedded.redis
        with Redis.from_url(embedded.redis) as client:
            assert client.ping()
    assert list(tmp_path.iterdir()) == []
    assert "url" not in client_settings().redis


def test_a_second_pair_is_refused(settings: Settings, tmp_path: Path) -> None:
    note = write_note(tmp_path, os.getpid())
    before = note.read_text()
    message = f"process {os.getpid()} .*`kill {os.getpid()}`.*UNDERSTUDY_PREFIX"
    with pytest.raises(AlreadyRunning, match=message), servers(settings):
        pass
    assert note.read_text() == before


@pytest.mark.parametrize("note", ["dead", "", "{", "[]", '{"pid": "x"}', '{"more": 1}'])
def test_a_useless_note_is_replaced(settings: Settings, tmp_path: Path, note: str) -> None:
    file = write_note(tmp_path, dead_process())
    if note != "dead":
        file.write_text(note)
    assert "url" not in client_settings().redis
    with embedded_servers(settings) as (_, embedded):
        assert json.loads(file.read_text())["pid"] == embedded.pid == os.getpid()


@pytest.mark.parametrize(
    ("kafka", "redis", "missing"),
    [
        ({"bootstrap.servers": "127.0.0.1:1"}, {}, "UNDERSTUDY_REDIS__URL is not"),
        ({}, {"url": "redis://127.0.0.1:1"}, "UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS is not"),
    ],
)
def test_half_configured_servers_are_refused(
    settings: Settings, kafka: dict[str, str], redis: dict[str, str], missing: str
) -> None:
    half = settings.model_copy(update={"kafka": kafka, "redis": redis})
    with pytest.raises(InvalidSettings, match=missing), servers(half):
        pass


def test_own_servers_win_over_embedded_ones(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_note(tmp_path, os.getpid())
    monkeypatch.setenv("UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS", "broker:9092")
    found = client_settings()
    assert (found.kafka["bootstrap.servers"], found.redis) == ("broker:9092", {})
