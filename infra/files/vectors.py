"""Vectors from a file: one `.npy` array of floats, a row for each line of the file of texts.

Nothing is ever unpickled.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import InvalidFile
from infra.files.traces import Line
from models.features import Features


def read_vectors(file: Path) -> NDArray[np.float32]:
    """Float32 [rows, d] from an `.npy` array of floats of any width.

    Raises:
        InvalidFile: it can't be read, is not such an array, or has a number that is not finite.
    """
    stored = _map_array(file)
    if stored.dtype.kind != "f":
        raise InvalidFile(f"{file}: holds {stored.dtype}; vectors must be float16 or float32")
    if stored.ndim != 2 or stored.shape[1] == 0:
        raise InvalidFile(f"{file}: has shape {list(stored.shape)}; vectors must be [rows, length]")
    with np.errstate(over="ignore"):
        vectors = np.array(stored, dtype=np.float32, order="C")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise InvalidFile(f"{file}: row {broken[0] + 1} has a number that is not finite in float32")
    return vectors


def features(lines: Sequence[Line], file: Path, embeddings: Path | None) -> Features:
    """The vectors in `embeddings`, else the texts of the lines.

    Raises:
        InvalidFile: as `read_vectors`, or there are more or fewer vectors than lines.
    """
    if embeddings is None:
        return Features(texts=[line.text or "" for line in lines])
    vectors = read_vectors(embeddings)
    if len(vectors) != len(lines):
        raise InvalidFile(
            f"{embeddings}: has {len(vectors)} rows, but {file} has {len(lines)} lines: they must match"
        )
    return Features(embeddings=vectors)


def _map_array(file: Path) -> NDArray[Any]:
    """The array on disk, not yet read into memory."""
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InvalidFile(f"{file}: can't be read: {error.strerror}") from error
    except (OSError, EOFError, ValueError) as error:
        raise InvalidFile(f"{file}: not an array of numbers in .npy format ({error})") from error
    if not isinstance(stored, np.ndarray):
        stored.close()
        raise InvalidFile(f"{file}: an archive of arrays; one array in .npy format is needed")
    return stored
