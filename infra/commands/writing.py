"""Writing to topics from a command: all of it arrives, or the command says what did not."""

from collections.abc import Iterable

from streams.kafka.batch import Outgoing
from streams.kafka.connect import open_writer
from streams.kafka.delivery import deliver
from streams.settings import Settings


def write_messages(settings: Settings, outgoing: Iterable[Outgoing]) -> None:
    """Produce, and wait until the broker has acknowledged everything.

    Raises:
        DeliveryFailed: it did not; says why.
    """
    deliver(open_writer(settings), outgoing)
