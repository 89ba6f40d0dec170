"""Archive of an audit pack: a zip file with fixed names and a list of hashes, read within bounds.

A pack may come from anybody, so nothing is unpacked to disk: only known names are read, each once, and no
more of them than the bounds allow, whatever the archive says of its sizes.
"""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from infra.audit_pack.contents import ALLOWED, REQUIRED, SUMS
from infra.errors import InvalidFile
from models.artifact import write_atomically

MOST_FILE, MOST_PACK, MOST_READ = 256_000_000, 256_000_000, 512_000_000
_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_MOST_DIRECTORY = 65_536
_STAMP = (1980, 1, 1, 0, 0, 0)
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,  # another compression than ours
    RuntimeError,  # an encrypted file
    EOFError,
    ValueError,
    OSError,
)


def write_archive(path: Path, files: Mapping[str, bytes]) -> str:
    """Write a pack with the hashes of its files; the same files make the same bytes. Returns its SHA-256.

    Raises:
        OSError: the file system does not take it.
    """
    named = {**files, SUMS: hash_list(files)}
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(named):
            archive.writestr(zipfile.ZipInfo(name, _STAMP), named[name], zipfile.ZIP_DEFLATED)
    content = packed.getvalue()
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()


def read_archive(path: Path) -> tuple[dict[str, bytes], str]:
    """The files of a pack by name, and the SHA-256 of the pack. The hashes inside are not checked.

    Raises:
        InvalidFile: it is damaged, too large, or holds what no pack holds.
        OSError: the file can't be read.
    """
    with path.open("rb") as opened:
        content = opened.read(MOST_PACK + 1)
    if len(content) > MOST_PACK:
        raise InvalidFile(f"{path}: larger than {MOST_PACK:,} bytes, which no audit pack is")
    _check_directory(path, content)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            files = _read_files(path, archive)
    except _DAMAGED as error:
        raise InvalidFile(f"{path}: damaged, or no audit pack: {error}") from error
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise InvalidFile(f"{path}: no audit pack, it lacks {', '.join(missing)}")
    return files, hashlib.sha256(content).hexdigest()


def hash_list(files: Mapping[str, bytes]) -> bytes:
    """The list of hashes, in the form of `sha256sum`."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files) if name != SUMS]
    return "".join(lines).encode()


def _check_directory(path: Path, content: bytes) -> None:
    """Raises InvalidFile: the list of files is not where and as large as in a pack; it is read whole."""
    tail = content[-_END.size :]
    if len(tail) < _END.size:
        raise InvalidFile(f"{path}: damaged, or no audit pack: too short")
    signature, _, _, _, entries, size, _, comment = _END.unpack(tail)
    locator = content[-_END.size - _LOCATOR_SIZE :][:4]
    fits = entries <= len(ALLOWED) and size <= _MOST_DIRECTORY and comment == 0
    if signature != b"PK\x05\x06" or not fits or locator == _ZIP64_LOCATOR:
        raise InvalidFile(f"{path}: damaged, or no audit pack: its list of files is not one of a pack")


def _read_files(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    files, left = dict[str, bytes](), MOST_READ
    for entry in archive.infolist():
        if entry.filename not in ALLOWED or entry.filename in files:
            raise InvalidFile(
                f"{path}: no audit pack holds a file {entry.filename[:100]!r}, or holds it twice"
            )
        most = min(MOST_FILE, left)
        with archive.open(entry) as member:
            files[entry.filename] = member.read(most + 1)
        if len(files[entry.filename]) > most:
            raise InvalidFile(f"{path}: {entry.filename} is too large once unpacked")
        left -= len(files[entry.filename])
    return files
