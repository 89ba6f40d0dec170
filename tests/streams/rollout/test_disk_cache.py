"""A worker starts from its copies on disk; a damaged one is left out, and nothing else with it."""

import logging
import multiprocessing
from pathlib import Path

import pytest

from models.artifact import GRAPH, MANIFEST, Artifact
from streams.rollout.disk_cache import PolicyDiskCache
from streams.versions.breaker_state import Breaker, Safeguards

OLD, NEW = Artifact(b"old manifest", b"old graph"), Artifact(b"new manifest", b"new graph")


def test_the_active_policy_is_read_back(tmp_path: Path) -> None:
    copies = PolicyDiskCache(tmp_path / "policies")
    assert copies.policies() == {}
    copies.save("t", "v1", OLD)
    copies.save("t", "v2", NEW)
    copies.save("u", "v1", OLD)
    assert PolicyDiskCache(tmp_path / "policies").policies() == {"t": NEW, "u": OLD}
    assert not (tmp_path / "policies" / "t" / "v1").exists()


def test_a_write_cut_short_leaves_the_old_copy(tmp_path: Path) -> None:
    copies = PolicyDiskCache(tmp_path)
    copies.save("t", "v1", OLD)
    (tmp_path / "t" / "v2").mkdir()
    (tmp_path / "t" / "v2" / f"{GRAPH}.part").write_bytes(b"new gr")
    (tmp_path / "t" / "active.part").write_text("v2")
    assert copies.policies() == {"t": OLD}
    copies.save("t", "v2", NEW)
    assert copies.policies() == {"t": NEW}


@pytest.mark.parametrize("pointer", [b"", b"v9", b"\xff\xfe", b"v\0"])
def test_a_damaged_copy_is_left_out(tmp_path: Path, pointer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    copies = PolicyDiskCache(tmp_path)
    copies.save("t", "v1", OLD)
    copies.save("u", "v1", NEW)
    (tmp_path / "t" / "active").write_bytes(pointer)
    assert copies.policies() == {"u": NEW}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("name", [GRAPH, MANIFEST])
def test_a_copy_without_one_of_its_files_is_left_out(tmp_path: Path, name: str) -> None:
    copies = PolicyDiskCache(tmp_path)
    copies.save("t", "v1", OLD)
    (tmp_path / "t" / "v1" / name).unlink()
    assert copies.policies() == {}


def _save_often(directory: Path) -> None:
    copies = PolicyDiskCache(directory)
    for number in range(100):
        copies.save("t", f"v{number % 3}", NEW)


def test_workers_of_a_host_may_save_at_the_same_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_save_often, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert PolicyDiskCache(tmp_path).policies() == {"t": NEW}


def test_safeguards_outlive_the_process(
    tmp_path: Path,
) -> None:
    copies = PolicyDiskCache(tmp_path)
    opened = Safeguards(Breaker(True, ("v1",), 10, "alarm", "certify"), {"v1": frozenset({"refund"})})
    copies.save("t", "v1", OLD)
    copies.save_safeguards("t", opened)
    copies.save_safeguards("t", Safeguards(Breaker(False, (), 9)))
    assert PolicyDiskCache(tmp_path).safeguards()["t"].breaker == opened.breaker
    copies.save_safeguards("t", opened)
    copies.save("t", "v2", NEW)
    assert PolicyDiskCache(tmp_path).safeguards() == {"t": opened}
    closed = Safeguards(Breaker(False, ("v1",), 11))
    copies.save_safeguards("t", closed)
    assert PolicyDiskCache(tmp_path).safeguards() == {"t": closed}


def test_a_damaged_breaker_copy_is_open(tmp_path: Path) -> None:
    copies = PolicyDiskCache(tmp_path)
    copies.save_safeguards("t", Safeguards(Breaker(False, (), 10)))
    (tmp_path / "t" / "safeguards.json").write_bytes(b'{"breaker": {"open": fal')
    (damaged,) = copies.safeguards().values()
    assert damaged.breaker.open
    assert not Safeguards(Breaker(False, (), 10)).after(damaged).breaker.open
    assert Safeguards().after(damaged).breaker.open
