"""Redis has lost counts if its offsets are behind those of a worker; then they are rebuilt."""

import pytest

from schemas.redis_keys import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.state.fold_offsets import FoldOffsets, OffsetsRead


async def test_offsets_move_forward_only(connection: Connection, keys: Keys) -> None:
    one, other = FoldOffsets(connection, keys), FoldOffsets(connection, keys)
    await one.advance({"traces:0": 5, "traces:1": 2})
    await other.advance({"traces:0": 3, "traces:1": 4})
    assert await one.read() == OffsetsRead({"traces:0": 5, "traces:1": 4})
    assert not one.has_lost(await one.read(), one.known)


@pytest.mark.parametrize("left", [{}, {"traces:0": 4}])
async def test_lost_marks_are_noticed_and_not_written_over(
    connection: Connection, keys: Keys, left: dict[str, int]
) -> None:
    marks = FoldOffsets(connection, keys)
    await marks.advance({"traces:0": 5})
    await connection.redis.delete(keys.folded)
    await FoldOffsets(connection, keys).advance(left or {"traces:9": 0})
    assert marks.has_lost(await marks.read(), marks.known)
    with pytest.raises(StateUnavailable):
        await marks.advance({"traces:0": 6})
    assert (await marks.read()).positions.get("traces:0", 0) == left.get("traces:0", 0)
    assert await marks.begin_rebuild(await marks.read())
    await marks.renew_claim()
    await marks.finish_rebuild({"traces:0": 6})
    assert (await marks.read()).rebuilding is None
    assert not marks.has_lost(await marks.read(), marks.known)
    await marks.advance({"traces:0": 7})


async def test_one_worker_at_a_time_rebuilds(connection: Connection, keys: Keys) -> None:
    one, other = FoldOffsets(connection, keys), FoldOffsets(connection, keys)
    nobody = await one.read()
    assert await one.begin_rebuild(nobody)
    assert not await other.begin_rebuild(nobody), "it decided on what it saw before"
    seen = await one.read()
    assert one.holds_claim(seen)
    assert not other.holds_claim(seen)
    await one.renew_claim()
    assert not await other.begin_rebuild(seen)
    assert await other.begin_rebuild(await other.read()), "in place of one that stood still"
    for late in (one.renew_claim(), one.finish_rebuild({"traces:0": 9})):
        with pytest.raises(StateUnavailable):
            await late
    assert (await other.read()).positions == {}


@pytest.mark.parametrize("emptied", [True, False])
async def test_a_loss_during_a_rebuild_is_noticed(connection: Connection, keys: Keys, emptied: bool) -> None:
    marks = FoldOffsets(connection, keys)
    assert await marks.begin_rebuild(await marks.read())
    snapshot = await connection.redis.dump(keys.folded)
    await marks.renew_claim()
    await connection.redis.delete(keys.folded)
    if not emptied:
        await connection.redis.restore(keys.folded, 0, snapshot)
    assert not marks.holds_claim(await marks.read())
    with pytest.raises(StateUnavailable):
        await marks.finish_rebuild({"traces:0": 9})


async def test_committed_offsets_are_known_from_the_start(connection: Connection, keys: Keys) -> None:
    marks = FoldOffsets(connection, keys)
    marks.remember({"deferrals:2": 10})
    assert marks.has_lost(OffsetsRead(), marks.known)
    assert marks.has_lost(OffsetsRead({"deferrals:2": 9}), marks.known)
    assert not marks.has_lost(OffsetsRead({"deferrals:2": 10}), marks.known)
