"""Composite encoders: several in one, whose vector is theirs one after another.

The id of a composite holds the ids and lengths of its parts, `onnx:3f..[384]>probe:qwen@ab..[1024]`: so a
trace, which keeps one vector and the id of what made it, says where the vector of each part begins.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder

_BETWEEN = ">"
_PART = re.compile(r"(?P<id>.+)\[(?P<length>[1-9]\d{0,8})\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EncoderPart:
    """A part of an encoder: its id, and the length of its vector."""

    id: str
    length: int


@dataclass(frozen=True)
class CompositeEmbedder:
    """See `models.embedders.contract.Embedder`.

    Attributes:
        parts: two or more encoders.
    """

    parts: tuple[Embedder, ...]

    @cached_property
    def id(self) -> str:
        """Ids and lengths of the parts."""
        return _BETWEEN.join(f"{part.id}[{part.dimension}]" for part in self.parts)

    @cached_property
    def dimension(self) -> int:
        """Of all parts together."""
        return sum(part.dimension for part in self.parts)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        return np.concatenate([part.embed(texts) for part in self.parts], axis=1)


def join_parts(parts: Sequence[Embedder | None]) -> Embedder | None:
    """One encoder of all parts; None where there is none, or one is not open."""
    opened = tuple(part for part in parts if part is not None)
    if not opened or len(opened) < len(parts):
        return None
    return opened[0] if len(opened) == 1 else CompositeEmbedder(opened)


def parts_of(embedder: Embedder | None) -> tuple[Embedder, ...]:
    """The parts of an encoder, in the order of their vectors: itself where it is no composite."""
    if isinstance(embedder, CompositeEmbedder):
        return embedder.parts
    return () if embedder is None else (embedder,)


def encoder_parts(encoder: str | None, dimension: int | None, count: int) -> tuple[EncoderPart, ...] | None:
    """The parts of an encoder with this id and this length, in the order of their vectors.

    Args:
        encoder: None where requests bring the vector.
        count: how many parts there must be; with one, any id names that part.

    Returns:
        None where the id names other parts.
    """
    if count == 1 and dimension is not None:
        return (EncoderPart(encoder or "", dimension),)
    found = [_PART.fullmatch(part) for part in (encoder or "").split(_BETWEEN)] if encoder else []
    parts = tuple(EncoderPart(one["id"], int(one["length"])) for one in found if one is not None)
    if len(parts) != count or len(found) != count or sum(part.length for part in parts) != (dimension or 0):
        return None
    return parts


def places_of(parts: Sequence[EncoderPart]) -> tuple[slice, ...]:
    """Where the vector of each part stands in the whole one."""
    ends = np.cumsum([part.length for part in parts]).tolist()
    return tuple(slice(end - part.length, end) for part, end in zip(parts, ends, strict=True))
