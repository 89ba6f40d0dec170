"""A producer and a consumer that note what is asked of them and fail where a test says so."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition


def error(code: int, **flags: bool) -> KafkaException:
    return KafkaException(KafkaError(code, "what the broker said", **flags))


class Broker:
    """What both clients have been asked, in order, and the failures that are to come, by call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures: dict[str, list[Exception]] = {}

    def asked(self, call: str) -> None:
        self.calls.append(call)
        if self.failures.get(call):
            raise self.failures[call].pop(0)

    def taken(self) -> list[str]:
        """The calls since the last look."""
        calls, self.calls = self.calls, []
        return calls


class Producer:
    """Reports deliveries at `flush`, those of `undelivered` topics with an error."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.undelivered: dict[str, KafkaError] = {}
        self.left = 0
        self._reports: list[Callable[[], None]] = []

    def produce(self, topic: str, _value: Any, _key: Any, on_delivery: Any = None, **_: Any) -> None:
        self.broker.asked(f"produce {topic}")
        if on_delivery is not None:
            self._reports.append(lambda: on_delivery(self.undelivered.get(topic), None))

    def flush(self, _timeout: float) -> int:
        self.broker.asked("flush")
        while self._reports:
            self._reports.pop(0)()
        return self.left

    def poll(self, timeout: float) -> None:
        if timeout:
            self.broker.asked("poll")

    def purge(self) -> None:
        self.broker.asked("purge")

    def init_transactions(self, _timeout: float) -> None:
        self.broker.asked("init")

    def begin_transaction(self) -> None:
        self.broker.asked("begin")

    def send_offsets_to_transaction(
        self, offsets: Sequence[TopicPartition], group: Any, _timeout: float
    ) -> None:
        self.broker.asked(f"offsets {[at.offset for at in offsets]} of {group}")

    def commit_transaction(self, _timeout: float) -> None:
        self.broker.asked("commit")

    def abort_transaction(self, _timeout: float) -> None:
        self.broker.asked("abort")


class Consumer:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def consumer_group_metadata(self) -> str:
        return "generation 7"

    def commit(self, offsets: Sequence[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self.broker.asked(f"commit {[at.offset for at in offsets]}")
