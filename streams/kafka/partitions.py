"""Lists the partitions of a topic."""

from confluent_kafka import Consumer, KafkaException

from streams.errors import KafkaFailed

_PROMPTLY = 15.0


def partitions_of(consumer: Consumer, topic: str) -> list[int]:
    """The numbers of a topic's partitions, ascending.

    Raises:
        KafkaFailed: the broker does not answer, or has no such topic.
    """
    try:
        metadata = consumer.list_topics(topic, timeout=_PROMPTLY).topics[topic]
    except KafkaException as error:
        raise KafkaFailed(
            f"Kafka does not answer ({error.args[0].str()}): is `understudy up` running, or "
            f"UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS set? topic={topic}"
        ) from error
    if metadata.error is not None:
        reason = metadata.error.str()
        raise KafkaFailed(
            f"topic can't be read: {reason}; `understudy topics create` makes Understudy's own, topic={topic}"
        )
    return sorted(metadata.partitions)
