"""Folder that keeps a Kafka and a Redis: locked, with a marker that names its format and its ports.

DIR/understudy.json   the marker
DIR/lock              locked by the one process that uses the folder, and by its servers
DIR/kafka, DIR/redis  data of the servers; DIR/*.log what they print
DIR/workers           copies of policies, and worker slots
DIR/audit-key         the secret that decides which requests are audited
"""

import fcntl
import logging
import os
import secrets
import socket
import time
from pathlib import Path
from typing import IO, Final, Self

import msgspec

from infra.local.child import Keeping
from infra.local.errors import AlreadyRunning, UnusableFolder

log = logging.getLogger(__name__)

FORMAT: Final = 1
"""Raise it where an older release could not work with what this one writes."""

# Below the ports that systems give to outgoing connections, so that none of those takes one between two runs.
_FIRST_KAFKA_PORT, _FIRST_REDIS_PORT = 19092, 16379
_PORTS_TRIED = 500
_MARKER, _LOCK, _AUDIT_KEY = "understudy.json", "lock", "audit-key"
_POLL_S = 0.2


class Marker(msgspec.Struct, frozen=True):
    """What the file `understudy.json` says. All ports are on 127.0.0.1."""

    format: int
    kafka_port: int
    controller_port: int
    redis_port: int


def audit_key_in(folder: Path) -> str:
    """The secret that a folder in use holds. Raises UnusableFolder: it can't be read, or is empty."""
    file = folder / _AUDIT_KEY
    try:
        key = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableFolder(f"{file}: can't be read, so nobody knows what is audited: {error}") from error
    if not key:
        raise UnusableFolder(f"{file}: is empty; delete it, and the next start of `up` writes another")
    return key


class DataFolder:
    """A folder that this process has locked. Leaving its context unlocks it: stop the servers first.

    Attributes:
        path: absolute.
        marker: its format and ports.
    """

    def __init__(
        self,
        path: Path,
        kafka_port: int | None = None,
        redis_port: int | None = None,
        patience: float = 90.0,
    ) -> None:
        """Make the folder if it is missing, lock it, and choose or recall the ports.

        Args:
            kafka_port, redis_port: in place of the ports that the folder remembers; remembered from now on.
            patience: seconds to wait for servers that outlive a process that was killed.

        Raises:
            UnusableFolder: it can't be written to, holds something else, or is of a newer release.
            AlreadyRunning: another process uses it.
        """
        self.path = path.resolve()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_strange()
            self._lock = _locked(self.path / _LOCK, patience)
        except OSError as error:
            raise UnusableFolder(f"{self.path}: can't be used for data: {error.strerror}") from error
        try:
            self.marker = self._marker(kafka_port, redis_port)
        except BaseException:
            self._lock.close()
            raise

    def keeping(self, server: str) -> Keeping:
        """How a server in this folder is run."""
        return Keeping(self.path / f"{server}.log", self._lock.fileno())

    def make_audit_key(self) -> None:
        """Write down a secret, readable for its owner alone, unless the folder has one."""
        file = self.path / _AUDIT_KEY
        if file.is_file():
            return
        fresh = file.with_name(f"{_AUDIT_KEY}.new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(32))
        fresh.replace(file)

    def room(self, name: str) -> Path:
        """A folder in it, made if it is missing."""
        place = self.path / name
        place.mkdir(exist_ok=True)
        return place

    def close(self) -> None:
        """Unlock it."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_strange(self) -> None:
        """Raises UnusableFolder: the folder holds files and no marker. A first start may have made a lock."""
        names = {entry.name for entry in self.path.iterdir()} - {_LOCK, f"{_MARKER}.new"}
        if names and _MARKER not in names:
            raise UnusableFolder(
                f"{self.path}: holds files of something else ({sorted(names)[0]}); name a new or empty folder"
            )

    def _marker(self, kafka_port: int | None, redis_port: int | None) -> Marker:
        """The marker, written anew where it is missing or a port is another."""
        file = self.path / _MARKER
        found = _read(file) if file.is_file() else None
        kafka = kafka_port or (found.kafka_port if found else _free_port(_FIRST_KAFKA_PORT))
        redis = redis_port or (found.redis_port if found else _free_port(_FIRST_REDIS_PORT))
        controller = found.controller_port if found else _free_port(kafka + 1)
        marker = Marker(FORMAT, kafka, controller, redis)
        _check_ports(self.path, marker)
        if marker != found:
            fresh = file.with_name(f"{_MARKER}.new")
            fresh.write_bytes(msgspec.json.encode(marker))
            fresh.replace(file)
        return marker


def _read(file: Path) -> Marker:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Marker)
    except msgspec.DecodeError as error:
        raise UnusableFolder(
            f"{file}: is not what this release writes ({error}). Restore it, or name another folder"
        ) from error
    if found.format > FORMAT:
        raise UnusableFolder(
            f"{file}: format {found.format} is of a newer release than this one ({FORMAT}): install that"
        )
    return found


def _locked(file: Path, patience: float) -> IO[bytes]:
    """The file, locked and with our process id in it. Raises AlreadyRunning."""
    handle = file.open("a+b")
    end, waits = time.monotonic() + patience, False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(file)
            if _lives(owner) or time.monotonic() > end:
                handle.close()
                raise AlreadyRunning(_in_use(file, owner)) from None
            if not waits:
                log.warning("waiting for servers of a process that was killed: folder=%s", file.parent)
            waits = True
            time.sleep(_POLL_S)
            continue
        handle.truncate(0)
        handle.write(str(os.getpid()).encode())
        handle.flush()
        return handle


def _in_use(file: Path, owner: int) -> str:
    if _lives(owner):
        return f"{file.parent} is in use by process {owner}: stop it (`kill {owner}`), or name another folder"
    return (
        f"{file.parent} is in use by servers of process {owner}, which has ended: "
        f"end those that `lsof {file}` lists"
    )


def _owner(file: Path) -> int:
    """The process id in the file; 0 where there is none yet."""
    text = file.read_bytes()
    return int(text) if text.isdigit() else 0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _free_port(first: int) -> int:
    """The first port from there on that nothing on 127.0.0.1 listens on. Raises UnusableFolder."""
    for port in range(first, first + _PORTS_TRIED):
        if _is_free(port):
            return port
    raise UnusableFolder(f"no port from {first} to {first + _PORTS_TRIED - 1} is free on 127.0.0.1")


def _check_ports(folder: Path, marker: Marker) -> None:
    """Raises UnusableFolder: two ports are the same, or one is taken."""
    ports = {"--kafka-port": marker.kafka_port, "--redis-port": marker.redis_port, "": marker.controller_port}
    for option, port in ports.items():
        way_out = f", or choose another with {option}" if option else ""
        if list(ports.values()).count(port) > 1:
            raise UnusableFolder(f"{folder}: port {port} is needed twice (Kafka needs two){way_out}")
        if not _is_free(port):
            raise UnusableFolder(
                f"{folder}: port {port} on 127.0.0.1 is taken by another program: end that{way_out}"
            )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections of an earlier run that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
