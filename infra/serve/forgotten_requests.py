"""What is to be forgotten, for commands that write texts to topics."""

from streams.kafka.topic_client import Reader
from streams.privacy.forgotten import ForgottenRequests
from streams.roles.forget import read_forgotten
from streams.settings import Settings


def forgotten_requests(settings: Settings) -> ForgottenRequests:
    """All records of the topic `forgotten`. Raises KafkaFailed: it can't be read."""
    forgotten = ForgottenRequests()
    reader = Reader(settings, settings.topics.forgotten, from_start=True)
    try:
        for record in read_forgotten(reader.to_end()):
            forgotten.add(record)
    finally:
        reader.close()
    return forgotten
