"""A kept server that is killed comes back by itself, with what it held."""

import os
import signal
from functools import partial
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as Unreachable

from infra.harness.waiting import wait_until
from infra.local.child import free_port
from infra.local.data_folder import DataFolder
from infra.local.embedded_redis import EmbeddedRedis, RedisHome
from infra.local.restarted import RestartedServer


def test_a_killed_redis_comes_back_with_its_keys(tmp_path: Path) -> None:
    with DataFolder(tmp_path, redis_port=free_port()) as folder:
        port = folder.marker.redis_port
        home = RedisHome(folder.room("redis"), port, folder.keeping("redis"))
        with RestartedServer("Redis", partial(EmbeddedRedis, home=home)), Redis(port=port) as client:
            client.set("kept", "yes")
            killed = int(client.info("server")["process_id"])
            os.kill(killed, signal.SIGKILL)

            def answers() -> bool:
                try:
                    return bool(client.get("kept") == b"yes")
                except Unreachable:
                    return False

            wait_until(answers, 30, "Redis answers again")
            assert int(client.info("server")["process_id"]) != killed
        with EmbeddedRedis(home=home), Redis(port=port) as client:
            assert client.get("kept") == b"yes"
    assert "Ready to accept connections" in (tmp_path / "redis.log").read_text()
