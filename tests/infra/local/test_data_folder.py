"""A folder that keeps servers' data: one process at a time, the same ports again, nobody else's files."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from infra.local.data_folder import FORMAT, DataFolder, Marker, audit_key_in
from infra.local.errors import AlreadyRunning, UnusableFolder

_OWNER = """
import os, subprocess, sys
from pathlib import Path
from infra.local.data_folder import DataFolder, audit_key_in
folder = DataFolder(Path(sys.argv[1]))
server = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, pass_fds=[folder.keeping("kafka").lock])
print(server.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_ports_are_remembered_until_another_is_asked_for(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        first = folder.marker
    with DataFolder(tmp_path) as folder:
        assert folder.marker == first
    with DataFolder(tmp_path, kafka_port=first.kafka_port + 300) as folder:
        changed = folder.marker
    with DataFolder(tmp_path) as folder:
        assert folder.marker == changed
    assert changed == msgspec.structs.replace(first, kafka_port=first.kafka_port + 300)


def test_the_audit_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        folder.make_audit_key()
        first = audit_key_in(tmp_path)
        folder.make_audit_key()
    assert audit_key_in(tmp_path) == first != ""
    assert (tmp_path / "audit-key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "audit-key").unlink()
    with pytest.raises(UnusableFolder, match="audit-key: can't be read"):
        audit_key_in(tmp_path)


def test_a_second_process_is_refused_with_the_first_one_s_id(tmp_path: Path) -> None:
    with DataFolder(tmp_path), pytest.raises(AlreadyRunning, match=f"in use by process {os.getpid()}: stop"):
        DataFolder(tmp_path)


def test_servers_of_a_killed_process_keep_the_folder_locked(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _OWNER, str(tmp_path)], stdout=subprocess.PIPE, check=False, text=True
    )
    server = int(killed.stdout)
    with pytest.raises(AlreadyRunning, match=r"servers of process .*, which has ended: .*lsof"):
        DataFolder(tmp_path, patience=0.1)
    os.kill(server, 9)
    DataFolder(tmp_path).close()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UnusableFolder, match=r"holds files of something else \(thesis.tex\)"):
        DataFolder(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not what this release writes"),
        (b'{"format": 1}', "is not what this release writes"),
        (msgspec.json.encode(Marker(FORMAT + 1, 1, 2, 3)), "newer release"),
    ],
)
def test_a_marker_that_is_not_understood_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "understudy.json").write_bytes(content)
    with pytest.raises(UnusableFolder, match=message):
        DataFolder(tmp_path)
    assert (tmp_path / "understudy.json").read_bytes() == content


def test_a_taken_port_is_named_with_its_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnusableFolder, match=f"port {port} .* is taken .*--redis-port"):
            DataFolder(tmp_path, redis_port=port)
    with DataFolder(tmp_path) as folder:
        assert folder.marker.redis_port != port
        controller = folder.marker.controller_port
    with pytest.raises(UnusableFolder, match=f"port {controller} is needed twice"):
        DataFolder(tmp_path, kafka_port=controller)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_access_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnusableFolder, match="can't be used for data"):
        DataFolder(tmp_path / "new")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableFolder, match="can't be used for data"):
        DataFolder(tmp_path / "file")
