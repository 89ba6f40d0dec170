"""Reading traces, requests and vectors from files, so that what is wrong is named with its file and line.

Texts are JSON Lines, an object a line, blank lines passed over, unknown fields ignored. Vectors are one
`.npy` array of floats, a row for each object, in the same order. Nothing is ever unpickled.
"""

import codecs
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from infra.errors import InvalidFile
from models.features import Features
from models.training_set import TrainingSet

STANDARD_INPUT = Path("-")


class TraceLine(Struct, frozen=True):
    """What a teacher answered.

    Attributes:
        label: the teacher's.
        text: what was classified; None where only its vector is known.
        id: of the request.
        sampled: it belongs to a uniform sample of all traffic.
        weight: how much it counts in learning.
    """

    label: Annotated[str, Meta(min_length=1)]
    text: str | None = None
    id: str | int | None = None
    sampled: bool = True
    weight: Annotated[float, Meta(ge=0.0)] = 1.0


class RequestLine(Struct, frozen=True):
    """What is to be classified."""

    text: str | None = None
    id: str | int | None = None


Line = TypeVar("Line", TraceLine, RequestLine)


def read_traces(file: Path, *, texts: bool) -> list[TraceLine]:
    """Raises InvalidFile: it can't be read, a line is no trace, or has no text though `texts` are needed."""
    return _read(file, TraceLine, texts)


def read_requests(file: Path, *, texts: bool) -> list[RequestLine]:
    """As `read_traces`; `-` is standard input."""
    return _read(file, RequestLine, texts)


def read_vectors(file: Path) -> NDArray[np.float32]:
    """Float32 [rows, d] from an `.npy` array of floats of any width.

    Raises:
        InvalidFile: it can't be read, is not such an array, or has a number that is not finite.
    """
    stored = _stored(file)
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
    """The vectors of `embeddings`, else the texts of the lines.

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


def training_set(lines: Sequence[TraceLine], rows: Features) -> TrainingSet:
    """The lines as a fit wants them; `rows` are their features."""
    return TrainingSet(
        rows,
        [line.label for line in lines],
        np.array([line.sampled for line in lines], dtype=np.bool_),
        np.array([line.weight for line in lines], dtype=np.float64),
    )


def _read(file: Path, kind: type[Line], texts: bool) -> list[Line]:
    decoder, found = msgspec.json.Decoder(kind), []
    for number, raw in enumerate(content(file).splitlines(), 1):
        if not raw.strip():
            continue
        try:
            line = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidFile(f"{file}, line {number}: {error}") from error
        if texts and line.text is None:
            raise InvalidFile(f"{file}, line {number}: no `text`, which is what this classifies")
        found.append(line)
    return found


def content(file: Path) -> bytes:
    """All of a file, or of standard input for `-`, without a byte order mark. Raises InvalidFile."""
    try:
        read = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        return read.removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InvalidFile(f"{file}: can't be read: {error.strerror}") from error


def _stored(file: Path) -> NDArray[Any]:
    """The array as it is on disk, not yet read into memory."""
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
