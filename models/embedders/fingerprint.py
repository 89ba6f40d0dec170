"""Fingerprint of an encoder on disk: a hash of its files' content, independent of their place."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

_DIGITS = 32


def fingerprint(folder: Path, names: Sequence[str]) -> str:
    """The first 128 bits, in hexadecimal, of a SHA-256 over the named files that exist.

    Args:
        names: paths in the folder; they are part of the hash, the folder's path is not.

    Raises:
        OSError: one of them can't be read.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        file = folder / name
        if file.is_file():
            with file.open("rb") as content:
                digest.update(f"{name}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:_DIGITS]
