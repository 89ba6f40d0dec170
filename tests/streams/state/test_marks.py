"""Redis that knows less than it was told has lost something; nobody papers over that."""

import pytest

from schemas.names import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.state.marks import Marks


async def test_marks_move_forward_only_and_a_worker_that_is_behind_takes_nothing_back(
    connection: Connection, keys: Keys
) -> None:
    one, other = Marks(connection, keys), Marks(connection, keys)
    await one.advance({"traces:0": 5, "traces:1": 2})
    await other.advance({"traces:0": 3, "traces:1": 4})
    assert await one.stored() == {"traces:0": 5, "traces:1": 4}
    assert not one.lost(await one.stored(), one.known)


@pytest.mark.parametrize("left", [{}, {"traces:0": 4}])
async def test_lost_marks_are_noticed_and_not_written_over(
    connection: Connection, keys: Keys, left: dict[str, int]
) -> None:
    marks = Marks(connection, keys)
    await marks.advance({"traces:0": 5})
    await connection.redis.delete(keys.folded)
    await Marks(connection, keys).advance(left or {"traces:9": 0})
    assert marks.lost(await marks.stored(), marks.known)
    with pytest.raises(StateUnavailable):
        await marks.advance({"traces:0": 6})
    assert (await marks.stored()).get("traces:0", 0) == left.get("traces:0", 0)
    await marks.regain({"traces:0": 6})
    assert not marks.lost(await marks.stored(), marks.known)
    await marks.advance({"traces:0": 7})


async def test_what_kafka_has_committed_is_known_from_the_start(connection: Connection, keys: Keys) -> None:
    marks = Marks(connection, keys)
    marks.know({"deferrals:2": 10})
    assert marks.lost({}, marks.known)
    assert marks.lost({"deferrals:2": 9}, marks.known)
    assert not marks.lost({"deferrals:2": 10}, marks.known)
