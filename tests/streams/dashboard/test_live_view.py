"""All who watch share one reader, which works only while somebody watches."""

import asyncio
from contextlib import aclosing

from streams.dashboard.live_view import LiveView
from streams.errors import StateUnavailable


class Reads:
    """Attributes:
    count: so far.
    fails: each raises.
    """

    def __init__(self) -> None:
        self.count = 0
        self.fails = False

    async def read(self) -> int:
        self.count += 1
        if self.fails:
            raise StateUnavailable("Redis is away")
        return self.count


async def test_two_who_watch_share_each_read() -> None:
    reads = Reads()
    live = LiveView(reads.read, 0.02)
    async with aclosing(live.watch()) as first, aclosing(live.watch()) as second:
        seen = [(await anext(first), await anext(second)) for _ in range(3)]
        assert all(one == other for one, other in seen)
        assert reads.count <= 4
    assert not live.is_watched


async def test_nothing_is_read_once_nobody_watches() -> None:
    reads = Reads()
    live = LiveView(reads.read, 0.0)
    async with aclosing(live.watch()) as watching:
        await anext(watching)
    count = reads.count
    await asyncio.sleep(0.05)
    assert reads.count == count


async def test_nobody_is_told_what_was_read_when_others_watched_before() -> None:
    """The second of two who begin at the same time may come while the first read is under way."""
    reads = Reads()
    live = LiveView(reads.read, 0.0)
    async with aclosing(live.watch()) as before:
        await anext(before)
    old = reads.count
    async with aclosing(live.watch()) as first, aclosing(live.watch()) as second:
        seen = await asyncio.gather(anext(first), anext(second))
    assert all(isinstance(one, int) and one > old for one in seen)


async def test_a_failed_read_says_why_and_the_next_one_goes_on() -> None:
    reads = Reads()
    live = LiveView(reads.read, 0.0)
    reads.fails = True
    async with aclosing(live.watch()) as watching:
        assert await anext(watching) == "Redis is away"
        reads.fails = False
        while isinstance(await anext(watching), str):
            pass


async def test_a_reader_that_broke_leaves_nobody_waiting_and_begins_again() -> None:
    reads: list[int | Exception] = [ValueError("broken"), 2]

    async def read() -> int:
        one = reads.pop(0) if len(reads) > 1 else reads[0]
        if isinstance(one, Exception):
            raise one
        return one

    live = LiveView(read, 60.0)
    async with aclosing(live.watch()) as first, aclosing(live.watch()) as second, asyncio.timeout(5.0):
        told = await asyncio.gather(anext(first), anext(second), return_exceptions=True)
        assert [str(one) for one in told] == ["broken", "broken"]
        async with aclosing(live.watch()) as third:
            assert await anext(third) == 2


async def test_the_end_comes_at_once_for_all() -> None:
    live = LiveView(Reads().read, 60.0)
    async with aclosing(live.watch()) as first, aclosing(live.watch()) as second:
        assert [await anext(first), await anext(second)] == [1, 1]
        waiting = [asyncio.ensure_future(anext(watching, None)) for watching in (first, second)]
        await asyncio.sleep(0)
        live.end()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5.0) == [None, None]
