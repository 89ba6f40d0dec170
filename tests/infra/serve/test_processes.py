"""Several workers of one host: each has its own slot and port, a dead one is replaced, all end together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.harness.waiting import wait_until
from infra.serve.processes import WorkerProcesses, process_settings, restart_pause
from streams.metrics_settings import MetricsSettings
from streams.settings import Settings

COUNT = 2


def note_and_wait(number: int, folder: Path) -> None:
    """A worker that notes its process id, and ends in good order at SIGTERM."""
    (folder / f"{number}.pid").write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        time.sleep(10)


def hold_on(number: int, folder: Path) -> None:
    """A worker that does not end at SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / f"{number}.pid").write_text(str(os.getpid()))
    time.sleep(600)


def main(work: str, folder: str) -> None:
    """The parent, in a process that a test can kill."""
    WorkerProcesses(partial(globals()[work], folder=Path(folder)), COUNT, 600.0).run()


def process_ids(folder: Path) -> list[int]:
    """Of the workers that have begun, by number."""
    return [int(file.read_text() or 0) for file in sorted(folder.glob("*.pid"))]


def have_begun(folder: Path) -> bool:
    return len(process_ids(folder)) == COUNT and all(process_ids(folder))


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process_id}/stat").read_text().split()[2] != "Z"


@pytest.fixture
def parent(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    work = getattr(request, "param", note_and_wait)
    code = f"from {__name__} import main; main({work.__name__!r}, {str(tmp_path)!r})"
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3]) as process:
        wait_until(lambda: have_begun(tmp_path), 60.0, "both have begun")
        yield process
        process.kill()
    for one in process_ids(tmp_path):
        if is_alive(one):
            os.kill(one, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_all_in_good_order(
    parent: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    parent.send_signal(number)
    assert parent.wait(60) == 0
    assert not any(map(is_alive, process_ids(tmp_path)))


def test_a_killed_worker_is_replaced_under_its_number(
    parent: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    first, second = process_ids(tmp_path)
    os.kill(second, signal.SIGKILL)
    wait_until(lambda: process_ids(tmp_path)[1] not in (0, second), 60.0, "the second worker is replaced")
    assert process_ids(tmp_path)[0] == first
    assert is_alive(first)
    assert parent.poll() is None


def test_workers_stop_when_their_parent_is_killed(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    parent.kill()
    wait_until(lambda: not any(map(is_alive, process_ids(tmp_path))), 60.0, "the workers have stopped")


@pytest.mark.parametrize("parent", [hold_on], indirect=True)
def test_a_second_signal_kills_what_does_not_stop(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    parent.terminate()
    time.sleep(1.0)
    assert parent.poll() is None
    parent.terminate()
    assert parent.wait(60) == 0
    assert not any(map(is_alive, process_ids(tmp_path)))


@pytest.mark.parametrize(
    ("slot", "port", "expected"),
    [(None, None, (None, None)), ("a", 9000, ("a-2", 9002)), (None, 0, (None, 0))],
)
def test_each_process_has_a_slot_and_a_port_of_its_own(
    slot: str | None, port: int | None, expected: tuple[str | None, int | None]
) -> None:
    settings = Settings(slot=slot, metrics=MetricsSettings(port=port))
    of_third = process_settings(settings, 2)
    assert (of_third.slot, of_third.metrics.port) == expected


@given(st.integers(1, 10_000))
def test_pauses_before_restarts_grow_up_to_a_minute(ends: int) -> None:
    assert 1.0 <= restart_pause(ends) <= restart_pause(ends + 1) <= 60.0
