"""Records are acknowledged together; what can't be delivered is counted, never waited for without end."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.errors import DeliveryFailed
from streams.gateway.record_sender import RecordSender
from streams.kafka.batch import Outgoing
from tests.streams.gateway.harness import ScriptedBroker, until

PAIR = [Outgoing("labels", b"k", b"1", None), Outgoing("audits", b"k", b"2", None)]


class _Full(ScriptedBroker):
    """Takes the first record, and no more."""

    def produce(self, *given: Any, **also: Any) -> None:
        if self.produced:
            raise BufferError("full")
        super().produce(*given, **also)


async def started(broker: Any, stalled_after: float = 60.0, most: int = 10) -> RecordSender:
    sender = RecordSender(lambda: broker, stalled_after, 1.0, most)
    await sender.start()
    return sender


async def test_records_are_acknowledged_together() -> None:
    broker = ScriptedBroker()
    sender = await started(broker)
    await sender.send_acknowledged(PAIR)
    assert broker.produced == PAIR
    broker.error = KafkaError(KafkaError._MSG_TIMED_OUT)
    with pytest.raises(DeliveryFailed, match="did not take a record"):
        await sender.send_acknowledged(PAIR)
    assert sender.dropped == 1
    await sender.stop()


async def test_a_full_producer_fails_at_once() -> None:
    sender = await started(_Full())
    with pytest.raises(DeliveryFailed, match="full"):
        await asyncio.wait_for(sender.send_acknowledged(PAIR), 10)
    await sender.stop()


async def test_an_answer_whose_records_are_not_taken_is_none() -> None:
    broker = _Full()
    broker.produced = list(PAIR)
    sender = await started(broker)
    assert not sender.send(PAIR)
    assert (sender.dropped, sender.is_stalled) == (2, False)
    await sender.stop()


class _Broken(ScriptedBroker):
    def produce(self, *_: Any, **__: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL, "out of order", fatal=True))


async def test_a_broken_producer_ends_the_worker() -> None:
    sender = await started(_Broken())
    assert not sender.send(PAIR)
    assert sender.is_stalled, "nothing is answered that nobody could audit"
    await until(lambda: sender.crashed)
    await sender.stop()


async def test_kafka_stands_still_until_it_acknowledges() -> None:
    broker = ScriptedBroker()
    sender = await started(broker, stalled_after=0.1)
    broker.holds = True
    assert sender.send(PAIR)
    await until(lambda: sender.is_stalled)
    broker.holds = False
    await until(lambda: not sender.is_stalled)
    await sender.stop()


async def test_kafka_is_away_until_it_answers_again() -> None:
    """Also once nothing waits for it any more, and nothing is sent that would show that it is back."""
    broker = ScriptedBroker()
    sender = await started(broker)
    broker.error = KafkaError(KafkaError._MSG_TIMED_OUT)
    assert sender.send(PAIR)
    await until(lambda: sender.is_stalled)
    broker.error = None
    await until(lambda: not sender.is_stalled)
    await sender.stop()


async def test_nobody_waits_for_a_stalled_kafka() -> None:
    broker = ScriptedBroker()
    broker.holds = True
    sender = await started(broker, stalled_after=0.01)
    with pytest.raises(DeliveryFailed, match="acknowledged nothing"):
        await asyncio.wait_for(sender.send_acknowledged(PAIR), 20)
    broker.holds = False
    await sender.stop()
    assert (len(broker.produced), sender.dropped) == (2, 0)


async def test_what_waits_is_bounded() -> None:
    broker = ScriptedBroker()
    sender = await started(broker, most=2)
    broker.holds = True
    assert [sender.send(PAIR) for _ in range(4)] == [True, True, False, False]
    with pytest.raises(DeliveryFailed, match="too many"):
        await sender.send_acknowledged(PAIR)
    assert (len(broker.produced), sender.dropped) == (4, 6)
    broker.holds = False
    await sender.stop()
