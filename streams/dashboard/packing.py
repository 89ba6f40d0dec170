"""Packing: gzip of what the dashboard sends, made once for all who are sent the same.

Each event of a stream is packed by itself, into blocks that refer to nothing before them and end at a whole
byte. So the same bytes fit into every watcher's stream, at any place between gzip's head and tail.
"""

import gzip
import struct
import zlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cached_property

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, without a name or a time, from a system that is not told."""
_LAST_BLOCK = b"\x03\x00"
_RAW = -zlib.MAX_WBITS
_QUICK = 1
"""Events are packed on the event loop, where requests wait."""
_SMALL = 9


class ToldEvent:
    """An event of a stream, as it is; packed when somebody first takes it so."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    @cached_property
    def packed(self) -> bytes:
        packer = zlib.compressobj(_QUICK, zlib.DEFLATED, _RAW)
        return packer.compress(self.plain) + packer.flush(zlib.Z_FULL_FLUSH)


def takes_gzip(headers: Mapping[str, str]) -> bool:
    """Whether who sent these headers takes gzip."""
    for coding in headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = coding.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "").rstrip("0.") != "q="
    return False


def packed_file(content: bytes) -> bytes:
    return gzip.compress(content, _SMALL, mtime=0)


async def plain_stream(events: AsyncGenerator[ToldEvent, None]) -> AsyncGenerator[bytes, None]:
    """The events as they are."""
    async with aclosing(events):
        async for event in events:
            yield event.plain


async def packed_stream(events: AsyncGenerator[ToldEvent, None]) -> AsyncGenerator[bytes, None]:
    """The events as one gzip, of which each can be read as soon as it is there."""
    head, checksum, size = _HEAD, 0, 0
    async with aclosing(events):
        async for event in events:
            checksum, size = zlib.crc32(event.plain, checksum), size + len(event.plain)
            yield head + event.packed
            head = b""
    yield head + _LAST_BLOCK + struct.pack("<LL", checksum, size & 0xFFFFFFFF)
