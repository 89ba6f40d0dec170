"""Byte n-grams of a text, as buckets: the one definition that the graph and the fit share.

A text is its UTF-8 bytes, at most `MAX_BYTES` of them, with `START` before and zeros after, which mark its
beginning and end. At each byte four n-grams start, of 2, 3, 4 and 5 bytes; ASCII upper case becomes lower
case. An n-gram's bucket is a polynomial of its bytes modulo `BUCKETS`, one step a byte, so that each longer
n-gram continues the shorter one. Bucket 0 is the n-gram of zeros alone: padding, which is not counted. Zeros
at the end of a text are therefore the same as none.

The graph takes the five bytes from each byte on, and gets all four buckets of a window by one product with
`POWERS`. All steps stay below 2**31, so that int32 is enough here and in the graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 2048
ORDERS = (2, 3, 4, 5)
BUCKETS = 1 << 20
MULTIPLIER = 2039
START = 2
POWERS: NDArray[np.int32] = np.array(
    [
        [pow(MULTIPLIER, order - 1 - at, BUCKETS) * (at < order) for at in range(ORDERS[-1])]
        for order in ORDERS
    ],
    dtype=np.int32,
)
"""What each byte of a window counts in its n-gram's bucket, [4, 5], by `ORDERS`."""
CROSSING, INSIDE, ENDING, STARTING, WHOLE = range(5)

FOLD: NDArray[np.int32] = np.arange(256, dtype=np.int32)
FOLD[ord("A") : ord("Z") + 1] += 32
_START = bytes([START])
_GAPS = np.zeros(256, dtype=np.bool_)
_GAPS[[0, START, *b" \t\n\r"]] = True
_ENDS = _GAPS.copy()
_ENDS[[*b"?.,"]] = True


def encode(texts: Sequence[str]) -> list[bytes]:
    """UTF-8 bytes, cut at `MAX_BYTES`; lone surrogates, which have no UTF-8, become question marks."""
    return [text.encode("utf-8", "replace")[:MAX_BYTES] for text in texts]


def window_bytes(encoded: Sequence[bytes]) -> NDArray[np.uint8]:
    """The bytes of each window in lower case, as the graph takes them: [n, 5, windows of the longest text].

    A shorter text has windows of zeros at its end.
    """
    width = max(map(len, encoded), default=0) + 1
    step = width + ORDERS[-1] - 1
    line = _START + _START.join([row.ljust(step - 1, b"\0") for row in encoded]).lower()
    overlapping: NDArray[np.uint8] = np.ndarray(
        (len(encoded), ORDERS[-1], width), np.uint8, line, strides=(step, 1, 1)
    )
    return np.ascontiguousarray(overlapping)


def pad(encoded: Sequence[bytes]) -> NDArray[np.uint8]:
    """Zero-padded bytes [n, width], as graphs of older policies take them; width is at least 1."""
    width = max(1, max(map(len, encoded), default=1))
    flat = b"".join([row.ljust(width, b"\0") for row in encoded])
    return np.frombuffer(flat, dtype=np.uint8).reshape(len(encoded), width)


@dataclass(frozen=True, slots=True)
class Windows:
    """N-grams of many texts, one column for each byte at which n-grams start.

    Attributes:
        buckets: int32 [4, p], by `ORDERS`.
        place: int8 [4, p], where the n-gram lies: `CROSSING` a gap between words, or a `WHOLE` word with the
            gaps around it, or with the gap before (`STARTING`) or after (`ENDING`), else `INSIDE` a word.
        ended: bool [4, p]: the n-gram reaches beyond the text's end mark, so a shorter one says the same.
        owner: int64 [p], index of the text.
        texts: how many there are.
    """

    buckets: NDArray[np.int32]
    place: NDArray[np.int8]
    ended: NDArray[np.bool_]
    owner: NDArray[np.int64]
    texts: int


def windows(encoded: Sequence[bytes]) -> Windows:
    """All windows of these texts, computed as the graph does, but on one long line of bytes."""
    after = bytes(ORDERS[-1])
    line = np.frombuffer(b"".join([_START + row + after for row in encoded]), dtype=np.uint8)
    codes = np.concatenate([FOLD[line], np.zeros(ORDERS[-1], dtype=np.int32)])
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)) + 1
    firsts = np.cumsum(lengths + len(after)) - (lengths + len(after))
    owner = np.repeat(np.arange(len(encoded)), lengths)
    starts = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + firsts[owner]
    return Windows(*_hash(codes, starts), owner, len(encoded))


def _hash(
    codes: NDArray[np.int32], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.bool_]]:
    buckets = np.empty((len(ORDERS), len(starts)), dtype=np.int32)
    place = np.empty(buckets.shape, dtype=np.int8)
    ended = np.empty(buckets.shape, dtype=np.bool_)
    opens, crosses = _GAPS[codes[starts]], np.zeros(len(starts), dtype=np.bool_)
    bucket, last = codes[starts], codes[starts]
    for row, order in enumerate(ORDERS):
        code = codes[starts + order - 1]
        bucket = (bucket * np.int32(MULTIPLIER) + code) & np.int32(BUCKETS - 1)
        place[row] = np.where(crosses, CROSSING, INSIDE + 2 * opens + _ENDS[code])
        crosses = crosses | _GAPS[code]
        buckets[row], ended[row], last = bucket, (last == 0) & (code == 0), code
    return buckets, place, ended
