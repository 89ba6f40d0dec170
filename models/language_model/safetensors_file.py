"""Files of the safetensors format (specified in huggingface/safetensors), copied tensor by tensor.

    8 bytes, little-endian    length of the header
    header, JSON              name -> {dtype, shape, data_offsets: [begin, end)}, and `__metadata__`
    the rest                  the tensors' bytes

The library checks a file and reads it; tensors are copied as bytes, since numpy has no type for some of them
and a file may be larger than memory.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from models.errors import CheckpointUnusable

METADATA = "__metadata__"
FLOATS = ("F32", "F16", "BF16")

_LENGTH_BYTES, _ALIGNED = 8, 8
_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a file keeps a tensor.

    Attributes:
        dtype: as the format names it, e.g. `BF16`.
        begin, end: its bytes, from the start of the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class SafetensorsFile:
    """A file's tensors, in the order of their bytes, and what it says about itself."""

    path: Path
    tensors: tuple[StoredTensor, ...]
    metadata: Mapping[str, str]

    @classmethod
    def open(cls, path: Path) -> "SafetensorsFile":
        """Raises:
        CheckpointUnusable: it is damaged, or none.
        """
        try:
            with safe_open(path, "np"):
                pass
            with path.open("rb") as file:
                length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
                header: dict[str, Any] = json.loads(file.read(length))
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointUnusable(f"{path} is no safetensors file, or a damaged one: {error}") from error
        start = _LENGTH_BYTES + length
        metadata = header.pop(METADATA, {})
        tensors = (
            StoredTensor(
                name,
                entry["dtype"],
                tuple(entry["shape"]),
                start + entry["data_offsets"][0],
                start + entry["data_offsets"][1],
            )
            for name, entry in header.items()
        )
        return cls(path, tuple(sorted(tensors, key=lambda tensor: tensor.begin)), metadata)

    def floats(self, tensor: StoredTensor) -> NDArray[np.float32]:
        """A tensor as float32.

        Raises:
            CheckpointUnusable: its numbers are of another type than `FLOATS`, or the file has become shorter.
        """
        raw = b"".join(self._chunks(tensor))
        if tensor.dtype == "BF16":
            flat = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        elif tensor.dtype in FLOATS:
            flat = np.frombuffer(raw, "<f4" if tensor.dtype == "F32" else "<f2").astype(np.float32)
        else:
            raise CheckpointUnusable(f"{self.path}: {tensor.name} is of type {tensor.dtype}, not {FLOATS}")
        return flat.reshape(tensor.shape)

    def write_part(
        self, target: Path, is_kept: Callable[[str], bool], replaced: Mapping[str, bytes]
    ) -> tuple[StoredTensor, ...]:
        """Write some of the tensors into another file, and compare what is there then.

        Args:
            replaced: other bytes for some tensors, as many as they have.

        Returns:
            What was kept.

        Raises:
            CheckpointUnusable: the copy holds other bytes, or this file has become shorter.
            OSError: the target can't be written.
        """
        kept = tuple(tensor for tensor in self.tensors if is_kept(tensor.name))
        with target.open("wb") as file:
            file.write(_header(kept, self.metadata))
            for tensor in kept:
                for chunk in self._contents(tensor, replaced):
                    file.write(chunk)
        copy = SafetensorsFile.open(target)
        for tensor, copied in zip(kept, copy.tensors, strict=True):
            chunks = zip(self._contents(tensor, replaced), copy._chunks(copied), strict=True)
            if tensor.name != copied.name or any(one != other for one, other in chunks):
                raise CheckpointUnusable(f"{target} holds another {tensor.name} than {self.path}")
        return kept

    def _contents(self, tensor: StoredTensor, replaced: Mapping[str, bytes]) -> Iterator[bytes]:
        return iter((replaced[tensor.name],)) if tensor.name in replaced else self._chunks(tensor)

    def _chunks(self, tensor: StoredTensor) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(tensor.begin)
            yield from _pieces(file, tensor.end - tensor.begin)


def _pieces(file: BinaryIO, count: int) -> Iterator[bytes]:
    while count:
        piece = file.read(min(count, _CHUNK))
        if not piece:
            raise CheckpointUnusable(f"{file.name} has become shorter while it was read")
        count -= len(piece)
        yield piece


def _header(tensors: tuple[StoredTensor, ...], metadata: Mapping[str, str]) -> bytes:
    """Length and header, filled with spaces so that the tensors' bytes begin at a multiple of eight."""
    entries: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    begin = 0
    for tensor in tensors:
        end = begin + tensor.end - tensor.begin
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text
