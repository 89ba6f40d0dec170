"""Workers say of themselves what people are shown, and what they said gets old by the clock of Redis."""

import msgspec

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.workers import EncoderReport, EndpointReport, WorkerReport, WorkerStore

REPORT = WorkerReport(
    "host.1",
    "host",
    ("route", "learn"),
    5,
    ("not ready",),
    (EndpointReport("u", "m", True),),
    (EncoderReport("onnx:/m", "", 6, "no such folder"),),
)


async def test_a_report_replaces_the_one_before_until_it_is_taken_back(
    connection: Connection, keys: Keys
) -> None:
    store = WorkerStore(connection, keys)
    await store.beat(WorkerReport("host.1", "host", ("route",), 5))
    await store.beat(REPORT)
    await store.beat(WorkerReport("host.2", "host", ("certify",), 6))
    first, second = await store.read()
    assert (first.report, second.report.name) == (REPORT, "host.2")
    assert 0.0 <= first.age < 60.0
    await store.remove("host.1")
    assert [one.report.name for one in await store.read()] == ["host.2"]


async def test_what_a_killed_worker_has_said_gets_old_and_goes(connection: Connection, keys: Keys) -> None:
    store, said = WorkerStore(connection, keys), msgspec.json.encode(REPORT).decode()
    seconds, _ = await connection.redis.time()
    await connection.redis.hset(keys.workers, "host.1", f"{1000 * (seconds - 120)} {said}")
    await connection.redis.hset(keys.workers, "broken", "what is this")
    [killed] = await store.read()
    assert 119.0 <= killed.age < 180.0
    await connection.redis.hset(keys.workers, "host.1", f"{1000 * (seconds - 3_700)} {said}")
    await store.beat(WorkerReport("host.2", "host", ("certify",), 6))
    assert [one.report.name for one in await store.read()] == ["host.2"]
