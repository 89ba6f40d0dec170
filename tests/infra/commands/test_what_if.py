"""what-if on a real Kafka and Redis: estimates from the live version, and no guess at traffic that is not."""

import json

from tests.infra.commands.room import TASK, Room


def test_targets_are_compared(room: Room) -> None:
    none = room.run("what-if", TASK)
    assert (none.status, "has no policy yet" in none.err) == (1, True)
    room.publish(1)
    quiet = room.run("what-if", TASK)
    assert (quiet.status, "give --requests-a-day" in quiet.err) == (2, True)
    given = ("--requests-a-day", "1000", "--price-a-call", "0.01", "--target", "0.9", "0.999")
    shown = json.loads(room.run("what-if", TASK, *given, "--json").out)
    low, high = shown["outcomes"]
    assert (shown["version"], low["target"], high["coverage"]) == ("v1", 0.9, 0.0)
    assert 0.0 < low["coverage"] <= 1.0
    assert abs(low["cost_a_day"] + low["saved_a_day"] - 10.0) < 1e-6
    assert low["ahead"] is None or low["ahead"]["target"] == 0.9
    table = room.run("what-if", TASK, *given).out
    assert "answered" in table
    assert "none" in table
    assert "1,000 requests a day, $0.01 a call" in table
