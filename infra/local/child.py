"""Child process of a server: it ends with the process that started it, even if that is killed with SIGKILL.

The server runs under a few lines of shell that hold the reading end of a pipe. When we stop it, or when
we die in whatever way, the pipe closes and the shell ends the server and removes its directory, unless
that is to be kept. That needs no signal handler, no code between fork and exec, and works on Linux and
macOS alike.
The server gets a process group of its own, so that Ctrl-C in a terminal reaches us and not the server. A
server that a test has paused is woken (`kill -CONT`), or it could not end.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import NotReady
from infra.local.server import LocalServer

_TETHER = """
temporary=$1; shift
exec 3<&0
"$@" >&2 </dev/null 3<&- & server=$!
{ read -r _ <&3; kill "$server"; kill -CONT "$server"; } >/dev/null 2>&1 & tether=$!
echo "$server"
wait "$server"; status=$?
kill "$tether" 2>/dev/null; wait "$tether"
[ -z "$temporary" ] || rm -rf "$temporary"
exit "$status"
"""
_STOP_SECONDS = 20.0
_KEPT_STOP_SECONDS = 60.0
_LAST_WORDS = 2000  # characters


def free_port() -> int:
    """A TCP port that nothing on 127.0.0.1 listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fresh_directory(name: str) -> Path:
    """A new empty directory for a server's files; the server's tether removes it."""
    return Path(tempfile.mkdtemp(prefix=f"understudy-{name}-"))


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a server whose files stay at its end is run.

    Attributes:
        log: file to which its output is appended.
        lock: file descriptor of a lock that the server inherits: if we are killed, the lock is held until the
            server has ended too.
    """

    log: Path
    lock: int


class Child(LocalServer):
    """A running server. `stop()` is idempotent; leaving the context stops it too.

    Attributes:
        name: what error messages call it.
        pid: process id of the server itself, for tests that pause or kill it.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], directory: Path, keeping: Keeping | None = None
    ) -> None:
        """Start `arguments` with `directory` as its working directory.

        Args:
            keeping: None removes the directory at the end.
        """
        self.name = name
        self._temporary = None if keeping else directory
        self._stop_seconds = _KEPT_STOP_SECONDS if keeping else _STOP_SECONDS
        # Lives as long as the server, closed by stop().
        self._log = keeping.log.open("a+b") if keeping else tempfile.TemporaryFile()  # noqa: SIM115
        self._shell = subprocess.Popen(
            ["sh", "-c", _TETHER, "tether", str(self._temporary or ""), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=directory,
            start_new_session=True,
            pass_fds=(keeping.lock,) if keeping else (),
        )
        assert self._shell.stdout is not None  # noqa: S101 - a pipe was asked for
        self.pid = int(self._shell.stdout.readline())

    @property
    def ended(self) -> bool:
        """Whether the server has ended, by itself or because it was stopped."""
        return self._shell.poll() is not None

    def wait_until(self, answers: Callable[[], bool], seconds: float) -> None:
        """Poll `answers` until it is true.

        Raises:
            NotReady: the server ended first, or `seconds` went by; the server is stopped by then.
        """
        deadline = time.monotonic() + seconds
        while not answers():
            if (ended := self.ended) or time.monotonic() > deadline:
                fate = "ended while starting" if ended else f"did not answer within {seconds:.0f} s"
                words = self.last_words()
                self.stop()
                raise NotReady(f"{self.name} {fate}. Its last words:\n{words}")
            time.sleep(0.05)

    def last_words(self) -> str:
        """The end of what the server has printed so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), _LAST_WORDS, max(0, size - _LAST_WORDS)).decode(errors="replace")

    def stop(self) -> None:
        """Ask the server to end, wait for it, and remove its directory unless that is kept."""
        if self._log.closed:
            return
        for pipe in (self._shell.stdin, self._shell.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._shell.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        self._log.close()
