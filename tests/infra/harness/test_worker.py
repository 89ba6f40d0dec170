"""A worker that fails says how it ended, and the errors that stand far before the end of its log."""

import subprocess
import sys
from pathlib import Path

from infra.harness.worker import Worker

_PROGRAM = """
import os, signal
print("ERROR   streams.x: the broker is gone")
print("Traceback (most recent call last):")
print("KeyError: 'a'")
print("DEBUG   closed\\n" * 1_000, flush=True)
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_a_failure_names_the_exit_status_and_the_errors(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=output, stderr=output)
    assert process.wait(60) == -6
    failure = str(Worker(process, log).failure("did not stop"))
    assert failure.startswith(
        "a worker did not stop, its exit status is -6:\nERROR   streams.x: the broker is gone"
    )
    assert "KeyError: 'a'" in failure
    assert failure.endswith("DEBUG   closed\n\n")
