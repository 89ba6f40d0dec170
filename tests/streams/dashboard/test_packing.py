"""What is packed once is read by everybody, at once and whole."""

import gzip
import zlib
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dashboard.packing import ToldEvent, packed_stream, plain_stream, takes_gzip

EVENTS = st.lists(st.binary(max_size=200) | st.just(b"event: change\ndata: {}\n\n" * 40), max_size=6)


async def said(events: Sequence[ToldEvent]) -> AsyncGenerator[ToldEvent, None]:
    for event in events:
        yield event


@given(EVENTS, EVENTS)
async def test_shared_events_are_read_in_any_stream(one: list[bytes], other: list[bytes]) -> None:
    events = {plain: ToldEvent(plain) for plain in (*one, *other)}
    for told in (one, other, [*other, *one]):
        parts = [part async for part in packed_stream(said([events[plain] for plain in told]))]
        assert gzip.decompress(b"".join(parts)) == b"".join(told)
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
        assert [unpack.decompress(part) for part in parts] == [*told, b""], "each as soon as it is there"
        assert [part async for part in plain_stream(said([events[plain] for plain in told]))] == told


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("gzip; q=1.0", True),
        ("gzip;q=0", False),
        ("gzip; q=0.00", False),
        ("br, x-gzip2", False),
        ("", False),
    ],
)
def test_who_takes_gzip_says_so(accepted: str, takes: bool) -> None:
    assert takes_gzip({"accept-encoding": accepted}) is takes
    assert not takes_gzip({})
