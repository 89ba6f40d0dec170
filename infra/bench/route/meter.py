"""How fast a process works through a topic, seen from outside: its group's commits, and the CPU it has used.

All contestants commit as they go, so one ruler fits all and none of them is slowed by measuring itself. CPU
is that of the whole process, user and system, all threads.
"""

import subprocess
import time
from dataclasses import dataclass
from typing import Final, NamedTuple

import psutil  # type: ignore[import-untyped]
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.harness.waiting import Stalled
from streams.kafka.clients import consumer_options
from streams.settings import Settings

WARM_UP: Final = 30_000
"""Messages, or `WARM_UP_SECONDS` for those who are slow."""
WARM_UP_SECONDS: Final = 3.0
LONGEST: Final = 5.0
"""Seconds that a measurement lasts, or until all but a twentieth is done."""

_SETTLING: Final = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
"""A broker's answers about groups shortly after its start."""
_LOOK = 0.02
_START = 60.0
_PROMPTLY = 10.0


class Mark(NamedTuple):
    """How things stand: seconds on a steady clock, CPU seconds used so far, messages committed so far."""

    at: float
    cpu: float
    messages: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Attributes:
    rate: messages a second.
    cpu: microseconds of CPU a message.
    """

    rate: float
    cpu: float

    @classmethod
    def between(cls, begin: Mark, end: Mark) -> "Pace":
        messages = end.messages - begin.messages
        return cls(messages / (end.at - begin.at), (end.cpu - begin.cpu) / messages * 1e6)


class Meter:
    """Watches one process work through `topic` as the only member of `group`."""

    def __init__(self, settings: Settings, topic: str, group: str, process: subprocess.Popen[bytes]) -> None:
        # Uncommitted: a look never waits for the open transaction, and sees what is committed all the same.
        self._consumer = Consumer(
            {**consumer_options(settings, group), "isolation.level": "read_uncommitted"}
        )
        self._name = group
        self._process = process
        self._usage = psutil.Process(process.pid)
        partitions = self._consumer.list_topics(topic, _PROMPTLY).topics[topic].partitions
        self._partitions = [TopicPartition(topic, number) for number in partitions]

    def pace(self, waiting: int) -> Pace:
        """Wait until the process has warmed up, then measure.

        Args:
            waiting: messages in the topic.

        Raises:
            Stalled: the process ended, or committed nothing for a minute.
        """
        first = self._mark_at(1, _START)
        begin = self._mark_at(first.messages + WARM_UP, WARM_UP_SECONDS)
        end = self._mark_at(waiting - waiting // 20, LONGEST)
        if end.messages <= begin.messages:
            raise Stalled(f"{self._name} committed nothing in {LONGEST:.0f} s")
        return Pace.between(begin, end)

    def close(self) -> None:
        self._consumer.close()

    def _mark_at(self, messages: int, seconds: float) -> Mark:
        """The first commit that reaches so many messages, or that comes after so many seconds."""
        until = time.monotonic() + seconds
        before = self._mark()
        while True:
            time.sleep(_LOOK)
            mark = self._mark()
            if mark.messages > before.messages and (mark.messages >= messages or mark.at > until):
                return mark
            if mark.at > until + _START:
                raise Stalled(f"{self._name} committed nothing for {_START:.0f} s")
            if self._process.poll() is not None:
                raise Stalled(f"{self._name} ended with status {self._process.returncode}")
            before = mark

    def _mark(self) -> Mark:
        committed = self._committed()
        used = self._usage.cpu_times()
        return Mark(time.monotonic(), used.user + used.system, committed)

    def _committed(self) -> int:
        try:
            found = self._consumer.committed(self._partitions, _PROMPTLY)
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING:
                raise
            return 0
        return sum(max(0, at.offset) for at in found)
