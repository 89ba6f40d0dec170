"""The costs of this process, and of one that it has started."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.bench.idle.processes import family, usage

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="needs /proc")


@contextmanager
def _child(program: str) -> Iterator[int]:
    """A process that runs this, says a word, and then waits."""
    command = [sys.executable, "-c", f"{program}; print('ready', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.communicate(b"\n")


def test_a_process_counts_with_those_that_it_has_started() -> None:
    inner = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)"
    )
    with _child(inner) as process:
        assert len(family(process)) == 2
        assert usage(process).processes == 2


def test_memory_threads_and_files_are_those_of_the_process() -> None:
    opened = "kept = [open('/dev/null') for _ in range(40)]; held = bytearray(b'x') * 50_000_000"
    waiting = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    threads = f"import threading; [{waiting} for _ in range(3)]"
    with _child("pass") as plain, _child(f"{opened}; {threads}") as full:
        less, more = usage(plain), usage(full)
    assert more.rss - less.rss >= 45
    assert more.pss - less.pss >= 45
    assert more.threads - less.threads == 3
    assert more.files - less.files == 40


def test_each_wait_of_a_thread_is_a_wakeup() -> None:
    waits = "import threading; input(); e = threading.Event(); [e.wait(0.001) for _ in range(50)]"
    command = [
        sys.executable,
        "-c",
        f"print('ready', flush=True); {waits}; print('done', flush=True); input()",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        before = usage(process.pid).wakeups
        process.stdin.write(b"\n")
        assert process.stdout.readline() == b"done\n"
        assert usage(process.pid).wakeups >= before + 50
        process.communicate(b"\n")


def test_this_process_has_a_cost() -> None:
    found = usage(os.getpid())
    assert found.cpu > 0
    assert 0 < found.pss <= found.rss
