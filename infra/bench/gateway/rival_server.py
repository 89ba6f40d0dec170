"""Servers of rivals: a script of their environment, in a process of its own, until it listens."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from infra.errors import RivalUnavailable
from infra.harness.waiting import wait_until

_PATIENCE = 1_800.0


@contextmanager
def rival_server(name: str, command: Sequence[str], port: int, log: Path) -> Iterator[int]:
    """The process of a server, once it listens on this port of 127.0.0.1.

    Raises:
        RivalUnavailable: it ends before.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None, _PATIENCE, f"{name} listens")
        if process.poll() is not None:
            raise RivalUnavailable(f"{name} ended: {log.read_text(errors='replace').strip()[-500:]}")
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
