"""Libraries that we are compared with: each in a virtual environment of its own, in the user's cache.

Nothing of them is in our environment or in our process. The cache is keyed by the hash of the pins. A job is
a script that runs in that environment and reads and writes files in a folder.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.bench.process import print_progress
from infra.errors import RivalUnavailable
from infra.local.cache import cache_folder

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RivalLibrary:
    """Attributes:
    name: with its version, as tables show it.
    folder: begins the name of its folder in the cache.
    pins: packages that pip installs.
    """

    name: str
    folder: str
    pins: tuple[str, ...]

    def interpreter(self) -> Path:
        """The interpreter of an environment that has it, which is created if it is not there yet.

        Raises:
            RivalUnavailable: pip could not install it; without a network it can't.
        """
        pins = hashlib.sha256(repr(self.pins).encode()).hexdigest()
        return _python(cache_folder(f"{self.folder}-{pins[:12]}", self._install))

    def interpreter_if_wanted(self, wanted: bool) -> tuple[Path | None, tuple[str, ...]]:
        """Its interpreter, or None; and a sentence for the report where it is wanted and not available."""
        return none_if_it_fails(self.interpreter) if wanted else (None, ())

    def run_script(
        self,
        python: Path,
        script: Path,
        folder: Path,
        rows: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run the script on the folder.

        Args:
            rows: traces that it learns from, for the message.
            environment: variables on top of ours.

        Raises:
            RivalUnavailable: it ends with an error; the message has the end of its output.
        """
        done = subprocess.run(
            [str(python), "-I", str(script), str(folder)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        if done.returncode:
            raise RivalUnavailable(f"{self.name} failed on {rows} traces: {done.stderr.strip()[-500:]}")

    def _install(self, workplace: Path) -> Path:
        environment = workplace / "environment"
        self._run(sys.executable, "-m", "venv", str(environment))
        pip = (str(_python(environment)), "-I", "-m", "pip")
        self._run(*pip, "install", "-q", "--disable-pip-version-check", *self.pins)
        return environment

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            output = (done.stdout + done.stderr).strip()[-500:]
            raise RivalUnavailable(
                f"{self.name} could not be installed, so these figures lack it; is there a network? "
                f"pip: {output}"
            )


def none_if_it_fails(work: Callable[[], Result]) -> tuple[Result | None, tuple[str, ...]]:
    """The result of the work, or None; and a sentence for the report where a rival fails in it."""
    try:
        return work(), ()
    except RivalUnavailable as problem:
        print_progress(str(problem))
        return None, (str(problem),)


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"
