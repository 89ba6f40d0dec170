"""A worker's process ends as it says, also where a thread never returns."""

import subprocess
import sys

import pytest

_PROGRAM = """
import atexit, logging, sys, threading
from infra.serve.process_end import ending_process

logging.basicConfig(format="%(message)s")
atexit.register(print, "registered")
threading.Thread(target=threading.Event().wait).start()  # Python would wait for it
with ending_process():
    logging.error("last words")
    print("said", end=" ")
    sys.exit({status})
"""


@pytest.mark.parametrize(("status", "expected"), [("0", 0), ("3", 3), ("None", 0), ("'why'", 1)])
def test_the_process_ends_with_its_status_whatever_threads_are_left(status: str, expected: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(status=status)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (expected, "said registered\n", "last words\n")
