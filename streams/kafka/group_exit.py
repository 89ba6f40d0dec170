"""Leaving a consumer group, within a bound.

Closing a consumer tells its group, and calls its callbacks a last time. Of librdkafka that can take for ever,
for instance where the protocol of the group has changed meanwhile. Then the client is left behind: the
broker takes its partitions away when it has not been heard of for as long as a member may be silent.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer

from streams.kafka.timed_calls import CallNotReturned, TimedCalls

log = logging.getLogger(__name__)


@contextmanager
def leaving_group(consumer: Consumer, role: str, seconds: float) -> Iterator[None]:
    """Closes the consumer at the end, and waits for that as many seconds at most.

    Its callbacks run on another thread then, while this one waits for them.
    """
    try:
        yield
    finally:
        calls = TimedCalls(f"leave-{role}")
        try:
            calls.run(consumer.close, seconds)
        except CallNotReturned:
            log.warning(
                "Kafka client does not leave its group, and is left behind: role=%s seconds=%.0f",
                role,
                seconds,
            )
        finally:
            calls.close()
