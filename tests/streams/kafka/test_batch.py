"""A batch is settled exactly once, whatever happens to the agent that has it in hand."""

import asyncio
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from threading import Event

import faust
import pytest

from streams.errors import StateUnavailable
from streams.kafka.batch import Batch, MessageOutputs, Outgoing
from streams.kafka.channel import BatchChannel
from tests.streams.fakes import message

OUT = MessageOutputs(message(b""), [Outgoing("x.labels", b"key", b"value")])


def batch() -> Batch:
    return Batch([message(b"")])


def waited(batch: Batch, abandoned: Event | None = None) -> "Future[list[MessageOutputs]]":
    """What the source's thread gets, once it gets it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(batch.outcome, abandoned or Event())


def test_the_source_gets_what_the_agent_collects() -> None:
    settled = batch()
    with settled.settle() as outgoing:
        outgoing.append(OUT)
    assert waited(settled).result() == [OUT]
    with pytest.raises(InvalidStateError), settled.settle():
        pass  # a batch that is settled can't be settled again
    assert waited(settled).result() == [OUT]


def test_the_source_gets_the_agent_s_error() -> None:
    settled, error = batch(), ValueError("no")
    with settled.settle() as outgoing:
        outgoing.append(OUT)
        raise error
    assert waited(settled).exception() is error


async def test_a_cancelled_agent_s_batch_is_read_again() -> None:
    settled, inside = batch(), asyncio.Event()

    async def agent() -> None:
        with settled.settle() as outgoing:
            outgoing.append(OUT)
            inside.set()
            await asyncio.Event().wait()

    running = asyncio.ensure_future(agent())
    await inside.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(StateUnavailable, match="stopped within a batch"):
        waited(settled).result()


def test_a_stopping_source_waits_no_longer() -> None:
    late, abandoned = batch(), Event()
    abandoned.set()
    with pytest.raises(StateUnavailable, match="in time"):
        waited(late, abandoned).result()
    with late.settle() as outgoing:
        outgoing.append(OUT)
    assert waited(late, abandoned).result() == [OUT], "an answer that is there counts, even then"


async def test_batches_survive_faust_s_flow_control() -> None:
    app = faust.App("test", web_enabled=False)
    channel, first, second = BatchChannel(app), batch(), batch()
    channel.offer(first)
    app.flow_control.suspend()
    app.flow_control.resume()
    app.flow_control.clear()
    channel.offer(second)
    reader = channel.clone(is_iterator=True)
    assert [await anext(reader) for _ in range(2)] == [first, second]
    assert channel.queue is reader.queue
