"""One process of a deployment, and what leads it to the deployment's servers."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.harness.waiting import Stalled, wait_until
from streams.settings import Settings

_LAST_WORDS = 4_000
_STOP = 60.0


def environment(settings: Settings) -> dict[str, str]:
    """The variables that lead a process of this project, started anywhere, to these servers."""
    return {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS": str(settings.kafka["bootstrap.servers"]),
        "UNDERSTUDY_REDIS__URL": str(settings.redis["url"]),
        "UNDERSTUDY_PREFIX": settings.prefix,
        "UNDERSTUDY_DATA": str(settings.data),
        "UNDERSTUDY_DELIVERY": settings.delivery,
    }


@dataclass
class Worker:
    """One process; `log` holds what it wrote."""

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
        """End it in good order; its exit status."""
        if self.runs:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP)

    def wrote(self, text: str) -> bool:
        return text in self.told()

    def told(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(errors="replace")

    def wait_until_it_says(self, text: str, seconds: float = 60.0) -> None:
        """Raises Stalled: it does not, or it ends before; with its last words."""
        wait_until(lambda: self.wrote(text) or not self.runs, seconds, f"{text}: {self.log}")
        if not self.wrote(text):
            raise self.failed(f"ended before it said `{text}`")

    def failed(self, how: str) -> Stalled:
        """What to raise of it: how it failed, and its last words."""
        return Stalled(f"a worker {how}:\n{self.told()[-_LAST_WORDS:]}")
