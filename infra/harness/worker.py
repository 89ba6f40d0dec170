"""Worker process of a deployment, and the environment that connects it to the servers."""

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.harness.waiting import Stalled, wait_until
from streams.settings import Settings

_LOG_TAIL = 4_000
_STOP_S = 60.0
_ERROR = re.compile(r"\b(ERROR|CRITICAL)\b|^\w*(Error|Exception)\b|^Fatal Python error")
_MOST_ERRORS = 20
"""Lines that may stand far before the end of the log."""


def environment(settings: Settings) -> dict[str, str]:
    """Variables that connect a process of this project to these servers."""
    return {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS": str(settings.kafka["bootstrap.servers"]),
        "UNDERSTUDY_REDIS__URL": str(settings.redis["url"]),
        "UNDERSTUDY_PREFIX": settings.prefix,
        "UNDERSTUDY_DATA": str(settings.data),
        "UNDERSTUDY_DELIVERY": settings.delivery,
        "UNDERSTUDY_AUDIT_KEY": settings.audit_key.get_secret_value(),
    }


@dataclass
class Worker:
    """One process; `log` is the file of its output."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop it by SIGTERM; returns its exit status."""
        if self.runs:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_S)

    def has_written(self, text: str) -> bool:
        return text in self.output()

    def output(self) -> str:
        """Its output so far."""
        return self.log.read_text(errors="replace")

    def wait_for_text(self, text: str, seconds: float = 60.0) -> None:
        """Wait for this text in its output.

        Raises:
            Stalled: the text does not come in time, or the worker ends before; with the end of its log.
        """
        wait_until(lambda: self.has_written(text) or not self.runs, seconds, f"{text}: {self.log}")
        if not self.has_written(text):
            raise self.failure(f"ended before it said `{text}`")

    def failure(self, how: str) -> Stalled:
        """The error to raise: how the worker failed, its last errors, and the end of its log."""
        output, ended = self.output(), self.process.poll()
        status = "it runs" if ended is None else f"its exit status is {ended}"
        errors = [line for line in output.splitlines() if _ERROR.search(line)]
        said = "\n".join([*errors[-_MOST_ERRORS:], "...", output[-_LOG_TAIL:]])
        return Stalled(f"a worker {how}, {status}:\n{said}")
