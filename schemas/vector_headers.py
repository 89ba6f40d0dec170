"""A request's vector as a Kafka header: plain bytes, so the message is smaller than with base64 in its value.

The header's name says the form, all little-endian:

    understudy-vector-f32    float32 values
    understudy-vector-f16    float16 values
    understudy-vector-i8     a float32 scale above zero, then int8 numbers, each to be multiplied by it

What is decided, kept and sent on is float32, whatever the form. A request with a vector in a header has none
in its value.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InvalidMessage

PREFIX = "understudy-vector-"

_SCALE = Struct("<f")
_FLOAT32, _FLOAT16, _STEPS = np.dtype("<f4"), np.dtype("<f2"), np.dtype("i1")


def header_vector(headers: Iterable[tuple[str, str | bytes | None]]) -> bytes | None:
    """The vector in the headers as bytes of float32; None where there is none.

    Raises:
        InvalidMessage: more than one, an unknown form, or bytes that are not of the form.
    """
    found = [(name, value) for name, value in headers if name.startswith(PREFIX)]
    if not found:
        return None
    if len(found) > 1:
        raise InvalidMessage(f"embedding: {len(found)} headers hold a vector, but a request has one")
    name, value = found[0]
    unpack = _FORMS.get(name)
    if unpack is None:
        raise InvalidMessage(f"embedding: header {name} is none of {', '.join(_FORMS)}")
    return unpack(value.encode() if isinstance(value, str) else value or b"")


def vector_header(form: str, values: NDArray[np.float32]) -> tuple[str, bytes]:
    """The header of a vector, float32 [d].

    Args:
        form: `f32`, `f16` or `i8`. The last two lose digits: int8 has 127 steps up to the largest value.

    Raises:
        ValueError: there is no such form.
    """
    if form == "f32":
        return f"{PREFIX}{form}", values.astype("<f4").tobytes()
    if form == "f16":
        return f"{PREFIX}{form}", values.astype("<f2").tobytes()
    if form == "i8":
        scale = np.float32(max(float(np.abs(values).max(initial=0.0)), 1e-30) / 127)
        steps = np.round(values / scale).astype("i1")
        return f"{PREFIX}{form}", scale.astype("<f4").tobytes() + steps.tobytes()
    raise ValueError(f"vectors have the forms f32, f16 and i8, not {form}")


def _float32(raw: bytes) -> bytes:
    return _whole(raw, 4)


def _float16(raw: bytes) -> bytes:
    return np.frombuffer(_whole(raw, 2), _FLOAT16).astype(_FLOAT32).tobytes()


def _int8(raw: bytes) -> bytes:
    if len(raw) < _SCALE.size:
        raise InvalidMessage(f"embedding: {len(raw)} bytes lack the scale, a float32, before the int8 values")
    (scale,) = _SCALE.unpack_from(raw)
    if not 0.0 < scale < math.inf:
        raise InvalidMessage(f"embedding: the scale of the int8 values is {scale}, not a number above zero")
    steps: NDArray[np.int8] = np.frombuffer(raw, _STEPS, offset=_SCALE.size)
    values: NDArray[np.float32] = np.multiply(steps, scale, dtype=_FLOAT32)
    return values.tobytes()


def _whole(raw: bytes, size: int) -> bytes:
    if len(raw) % size:
        raise InvalidMessage(f"embedding: {len(raw)} bytes are not a whole number of float{8 * size} values")
    return raw


_FORMS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {f"{PREFIX}f32": _float32, f"{PREFIX}f16": _float16, f"{PREFIX}i8": _int8}
)
