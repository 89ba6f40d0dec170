"""Environment of TRACER: installed by pip, pinned, into a virtual environment in the user's cache.

Nothing of it is in our environment or in our process. The cache is keyed by the hash of the pins.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from infra.bench.process import print_progress
from infra.errors import RivalUnavailable
from infra.local.cache import cache_folder

Result = TypeVar("Result")

NAME: Final = "TRACER 0.3.3"
PINS: Final = (
    "tracer-llm==0.3.3",
    "cloudpickle==3.1.2",
    "joblib==1.6.0",
    "narwhals==2.29.0",
    "numpy==2.0.2",
    "scikit-learn==1.9.1",
    "scipy==1.17.1",
    "threadpoolctl==3.8.0",
)


def tracer_python() -> Path:
    """The interpreter of an environment that has TRACER, which is created if it is not there yet.

    Raises:
        RivalUnavailable: pip could not install it; without a network it can't.
    """
    pins = hashlib.sha256(repr(PINS).encode()).hexdigest()
    return _python(cache_folder(f"tracer-{pins[:12]}", _install))


def tracer_if_wanted(wanted: bool) -> tuple[Path | None, tuple[str, ...]]:
    """Its interpreter, or None; and a sentence for the report where it is wanted and not available."""
    return none_if_it_fails(tracer_python) if wanted else (None, ())


def none_if_it_fails(work: Callable[[], Result]) -> tuple[Result | None, tuple[str, ...]]:
    """The result of the work, or None; and a sentence for the report where TRACER fails in it."""
    try:
        return work(), ()
    except RivalUnavailable as problem:
        print_progress(str(problem))
        return None, (str(problem),)


def _install(workplace: Path) -> Path:
    environment = workplace / "environment"
    _run(sys.executable, "-m", "venv", str(environment))
    _run(str(_python(environment)), "-I", "-m", "pip", "install", "-q", "--disable-pip-version-check", *PINS)
    return environment


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stdout + done.stderr).strip()[-500:]
        raise RivalUnavailable(
            f"{NAME} could not be installed, so these figures lack it; is there a network? pip: {output}"
        )
