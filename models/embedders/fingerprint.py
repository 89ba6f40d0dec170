"""An encoder on disk is known by the content of its files, wherever they lie."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

_DIGITS = 32


def fingerprint(folder: Path, names: Sequence[str]) -> str:
    """The first 128 bits, in hexadecimal, of a SHA-256 over those of the files that are there.

    Args:
        names: paths in the folder; their names count, the folder's does not.

    Raises:
        OSError: one of them can't be read.
    """
    account = hashlib.sha256()
    for name in sorted(names):
        file = folder / name
        if file.is_file():
            with file.open("rb") as content:
                account.update(f"{name}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return account.hexdigest()[:_DIGITS]
