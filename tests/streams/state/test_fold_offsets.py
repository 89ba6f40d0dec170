"""Redis that knows less than it was told has lost something; nobody papers over that."""

import pytest

from schemas.names import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.state.fold_offsets import FoldOffsets, OffsetsRead


async def test_marks_move_forward_only_and_a_worker_that_is_behind_takes_nothing_back(
    connection: Connection, keys: Keys
) -> None:
    one, other = FoldOffsets(connection, keys), FoldOffsets(connection, keys)
    await one.advance({"traces:0": 5, "traces:1": 2})
    await other.advance({"traces:0": 3, "traces:1": 4})
    assert await one.folded() == OffsetsRead({"traces:0": 5, "traces:1": 4})
    assert not one.lost(await one.folded(), one.known)


@pytest.mark.parametrize("left", [{}, {"traces:0": 4}])
async def test_lost_marks_are_noticed_and_not_written_over(
    connection: Connection, keys: Keys, left: dict[str, int]
) -> None:
    marks = FoldOffsets(connection, keys)
    await marks.advance({"traces:0": 5})
    await connection.redis.delete(keys.folded)
    await FoldOffsets(connection, keys).advance(left or {"traces:9": 0})
    assert marks.lost(await marks.folded(), marks.known)
    with pytest.raises(StateUnavailable):
        await marks.advance({"traces:0": 6})
    assert (await marks.folded()).positions.get("traces:0", 0) == left.get("traces:0", 0)
    assert await marks.begin(await marks.folded())
    await marks.go_on()
    await marks.finish({"traces:0": 6})
    assert (await marks.folded()).rebuilding is None
    assert not marks.lost(await marks.folded(), marks.known)
    await marks.advance({"traces:0": 7})


async def test_one_worker_at_a_time_reads_again_and_its_claim_changes_while_it_lives(
    connection: Connection, keys: Keys
) -> None:
    one, other = FoldOffsets(connection, keys), FoldOffsets(connection, keys)
    nobody = await one.folded()
    assert await one.begin(nobody)
    assert not await other.begin(nobody), "it decided on what it saw before"
    seen = await one.folded()
    assert one.ours(seen)
    assert not other.ours(seen)
    await one.go_on()
    assert not await other.begin(seen)
    assert await other.begin(await other.folded()), "in place of one that stood still"
    for late in (one.go_on(), one.finish({"traces:0": 9})):
        with pytest.raises(StateUnavailable):
            await late
    assert (await other.folded()).positions == {}


@pytest.mark.parametrize("emptied", [True, False])
async def test_what_is_lost_while_it_is_read_again_is_not_taken_for_regained(
    connection: Connection, keys: Keys, emptied: bool
) -> None:
    marks = FoldOffsets(connection, keys)
    assert await marks.begin(await marks.folded())
    snapshot = await connection.redis.dump(keys.folded)
    await marks.go_on()
    await connection.redis.delete(keys.folded)
    if not emptied:
        await connection.redis.restore(keys.folded, 0, snapshot)
    assert not marks.ours(await marks.folded())
    with pytest.raises(StateUnavailable):
        await marks.finish({"traces:0": 9})


async def test_what_kafka_has_committed_is_known_from_the_start(connection: Connection, keys: Keys) -> None:
    marks = FoldOffsets(connection, keys)
    marks.know({"deferrals:2": 10})
    assert marks.lost(OffsetsRead(), marks.known)
    assert marks.lost(OffsetsRead({"deferrals:2": 9}), marks.known)
    assert not marks.lost(OffsetsRead({"deferrals:2": 10}), marks.known)
