"""A request for a refit waits until a refit has settled it, one for each task, those of alarms first."""

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.refit_queue import RefitQueue, RefitRequest

MANY = [f"task-{number}" for number in range(150)]


async def requested(refits: RefitQueue, task: str = "t") -> RefitRequest:
    (request,) = await refits.pending([task])
    return request


async def test_a_request_waits_until_it_is_settled(connection: Connection, keys: Keys) -> None:
    refits, other = RefitQueue(connection, keys), RefitQueue(connection, keys)
    await refits.request("t", 7, "drift")
    for reader in (refits, other, refits):
        request = await requested(reader)
        assert (request.task, request.since, request.reason, request.urgent) == ("t", 7, "drift", False)
    assert await refits.pending(["u"]) == await refits.pending([]) == []
    await other.settle(request)
    assert await refits.pending(["t"]) == []


async def test_requests_of_a_task_are_merged(connection: Connection, keys: Keys) -> None:
    refits = RefitQueue(connection, keys)
    await refits.request("t", 1_495_884_615_386, "alarm: 3 of 9", urgent=True)
    await refits.request("t", 5, "drift")
    request = await requested(refits)
    assert (request.since, request.reason, request.urgent) == (1_495_884_615_386, "alarm: 3 of 9", True)
    await refits.request("t", 1_495_884_615_387, "alarm again", urgent=True)
    request = await requested(refits)
    assert (request.since, request.reason) == (1_495_884_615_387, "alarm again")


async def test_a_request_by_a_clock_ahead_is_of_now(connection: Connection, keys: Keys) -> None:
    refits = RefitQueue(connection, keys)
    await refits.request("t", 2**46, "alarm", urgent=True)
    seconds, _ = await connection.redis.time()
    request = await requested(refits)
    assert request.since <= 1000 * (seconds + 1)
    assert 1000 * (seconds - 60) <= request.requested_at <= 1000 * (seconds + 1)


async def test_a_request_that_came_during_the_refit_stays(connection: Connection, keys: Keys) -> None:
    refits = RefitQueue(connection, keys)
    await refits.request("t", 7, "drift")
    read = await requested(refits)
    await refits.request("t", 7, "drift")
    await refits.settle(read)
    await refits.settle(await requested(refits))
    assert await refits.pending(["t"]) == []


async def test_an_alarm_is_not_hidden_by_many_tasks(connection: Connection, keys: Keys) -> None:
    refits = RefitQueue(connection, keys)
    for task in MANY:
        await refits.request(task, 1, "drift")
    await refits.request("loud", 1, "alarm", urgent=True)
    found = [request.task for request in await refits.pending([*MANY, "loud"])]
    assert found == ["loud", *MANY]


async def test_requests_of_an_earlier_release_are_taken_over(connection: Connection, keys: Keys) -> None:
    refits, stream = RefitQueue(connection, keys), keys.earlier_refits
    await connection.redis.xgroup_create(stream, "trainers", id="0", mkstream=True)
    for since in (7, 9):
        await connection.redis.xadd(stream, {"task": "t", "since": since, "reason": "alarm"})
    await connection.redis.xreadgroup("trainers", "earlier", {stream: ">"}, count=1)
    request = await requested(refits)
    assert (request.since, request.reason) == (9, "alarm")
    assert await connection.redis.xlen(stream) == 0
    assert (await connection.redis.xpending(stream, "trainers"))["pending"] == 0


async def test_a_request_is_removed_with_its_task(connection: Connection, keys: Keys) -> None:
    refits = RefitQueue(connection, keys)
    await connection.redis.xadd(keys.earlier_refits, {"task": "t", "since": 7, "reason": "alarm"})
    await refits.request("u", 7, "drift")
    await refits.remove("t")
    assert [request.task for request in await refits.pending(["t", "u"])] == ["u"]
