"""A request for a refit reaches the trainer that leads its task, and is not lost if its reader dies."""

import pytest

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.lease import Leases
from streams.state.refit_queue import GROUP, RefitQueue


def trainer(
    connection: Connection, keys: Keys, name: str, seconds: float = 3600.0
) -> tuple[RefitQueue, Leases]:
    return RefitQueue(connection, keys, name, seconds), Leases(connection, keys, name, 3600.0)


async def reasons(refits: RefitQueue, *led: str) -> list[str]:
    return [request.reason for request in await refits.pending(led)]


async def pending(connection: Connection, keys: Keys) -> int:
    return int((await connection.redis.xpending(keys.refits, GROUP))["pending"])


async def test_a_request_waits_until_it_is_answered(connection: Connection, keys: Keys) -> None:
    refits, leases = trainer(connection, keys, "a")
    await refits.request("t", 7, "alarm")
    await leases.acquire("t")
    for _ in range(2):
        (request,) = await refits.pending(["t"])
        assert (request.task, request.since, request.reason) == ("t", 7, "alarm")
    assert await reasons(refits, "u") == []
    await refits.acknowledge([request])
    assert await reasons(refits, "t") == []
    assert await connection.redis.xlen(keys.refits) == 0


@pytest.mark.parametrize("leader", ["a", "b"])
async def test_it_goes_to_the_trainer_that_leads(connection: Connection, keys: Keys, leader: str) -> None:
    trainers = {name: trainer(connection, keys, name) for name in ("a", "b")}
    await trainers[leader][1].acquire("t")
    await trainers["a"][0].request("t", 7, "alarm")
    for name, (refits, _) in trainers.items():
        await refits.pending(["t"] if name == leader else [])
    assert await reasons(trainers[leader][0], "t") == ["alarm"]
    assert await pending(connection, keys) == 1, "one trainer has it"


async def test_what_a_dead_trainer_had_read_is_taken_over(connection: Connection, keys: Keys) -> None:
    dead, lease = trainer(connection, keys, "dead")
    await lease.acquire("t")
    await dead.request("t", 7, "alarm")
    assert await reasons(dead, "t") == ["alarm"]
    await lease.release()
    patient, (heir, its_lease) = (
        trainer(connection, keys, "patient")[0],
        trainer(connection, keys, "heir", 0.0),
    )
    assert await reasons(patient, "t") == [], "it may be at work still"
    await its_lease.acquire("t")
    assert await reasons(heir, "t") == ["alarm"]


async def test_an_emptied_redis_takes_requests_again(connection: Connection, keys: Keys) -> None:
    refits, _ = trainer(connection, keys, "a")
    assert await reasons(refits, "t") == []
    await connection.redis.delete(keys.refits)
    assert await reasons(refits, "t") == []
    await refits.request("t", 7, "alarm")
    assert await reasons(refits, "t") == ["alarm"]
