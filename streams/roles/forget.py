"""forget: read which requests are to be forgotten, from the start of the topic `forgotten`, in every worker.

A worker with `route`, `learn` or `trainer` reads the topic to its end before it starts these roles:

    trainer   drops the traces from its window, and takes none of them again
    learn     writes the trace of a late reply without its text and vector, so that an audit still counts
    route     where a whole task is to be forgotten: removes its policy from memory and from disk
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from schemas.codec import FORGOTTEN
from schemas.errors import InvalidMessage
from schemas.messages import Forgotten
from streams.kafka.batch import Batch
from streams.kafka.channel import BatchChannel
from streams.kafka.message import as_bytes

log = logging.getLogger(__name__)

READER = "forgotten"

Listener = Callable[[Forgotten], None]


def read_forgotten(messages: Iterable[Message]) -> list[Forgotten]:
    """The records in the messages; what can't be read is logged and left out."""
    records = []
    for message in messages:
        try:
            records.append(FORGOTTEN.decode(as_bytes(message.value())))
        except InvalidMessage as error:
            log.error("record of the topic `forgotten` skipped, it forgets nothing: %s", error)
    return records


def install(app: App, channel: BatchChannel, listeners: Sequence[Listener]) -> None:
    """Register the agent; each listener hears every record, in their order."""

    @app.agent(channel, name=READER)
    async def forgotten(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle():
                for record in read_forgotten(batch.messages):
                    for listener in listeners:
                        listener(record)
