"""Meter of a process's pace through a topic, read from outside: its group's commits, and the CPU it has used.

All contestants commit as they go, so one meter fits all and none of them is slowed by measuring itself. CPU
is that of the whole process and of those that it has started.
"""

import subprocess
import time
from dataclasses import dataclass
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.bench.cpu import cpu_seconds, process_tree, require_psutil
from infra.harness.waiting import Stalled
from streams.kafka.clients import consumer_options
from streams.settings import Settings

WARM_UP: Final = 30_000
"""Messages before the measurement begins; slow contestants get `WARM_UP_SECONDS` instead."""
WARM_UP_SECONDS: Final = 3.0
LONGEST: Final = 5.0
"""Seconds that a measurement lasts at most; it ends earlier when all but a twentieth is done."""

_STARTUP_ERRORS: Final = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
"""Errors that a broker returns about groups shortly after its start."""
_POLL_S = 0.02
_STALL_S = 60.0
_TIMEOUT_S = 10.0


class Mark(NamedTuple):
    """One reading: seconds on a steady clock, CPU seconds used so far, messages committed so far."""

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
    """Measures one process that works through `topic` with nobody else in `group`, its own children aside.

    Raises:
        MissingLibrary: psutil is not installed.
    """

    def __init__(self, settings: Settings, topic: str, group: str, process: subprocess.Popen[bytes]) -> None:
        require_psutil()
        # Uncommitted: a reading never waits for the open transaction, and sees the commits all the same.
        self._consumer = Consumer(
            {**consumer_options(settings, group), "isolation.level": "read_uncommitted"}
        )
        self._group = group
        self._process = process
        self._measured = [process.pid]
        partitions = self._consumer.list_topics(topic, _TIMEOUT_S).topics[topic].partitions
        self._partitions = [TopicPartition(topic, number) for number in partitions]

    def pace(self, waiting: int) -> Pace:
        """Wait until the process has warmed up, then measure.

        Args:
            waiting: messages in the topic.

        Raises:
            Stalled: the process ended, or committed nothing for a minute.
        """
        first = self._mark_after(1, _STALL_S)
        self._measured = process_tree(self._process.pid)
        begin = self._mark_after(first.messages + WARM_UP, WARM_UP_SECONDS)
        end = self._mark_after(waiting - waiting // 20, LONGEST)
        if end.messages <= begin.messages:
            raise Stalled(f"{self._group} committed nothing in {LONGEST:.0f} s")
        return Pace.between(begin, end)

    def close(self) -> None:
        self._consumer.close()

    def _mark_after(self, messages: int, seconds: float) -> Mark:
        """A reading at the first commit that reaches these messages, or that comes after these seconds."""
        until = time.monotonic() + seconds
        before = self._mark()
        while True:
            time.sleep(_POLL_S)
            mark = self._mark()
            if mark.messages > before.messages and (mark.messages >= messages or mark.at > until):
                return mark
            if mark.at > until + _STALL_S:
                raise Stalled(f"{self._group} committed nothing for {_STALL_S:.0f} s")
            if self._process.poll() is not None:
                raise Stalled(f"{self._group} ended with status {self._process.returncode}")
            before = mark

    def _mark(self) -> Mark:
        committed = self._committed_offset()
        return Mark(time.monotonic(), sum(map(cpu_seconds, self._measured)), committed)

    def _committed_offset(self) -> int:
        try:
            offsets = self._consumer.committed(self._partitions, _TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() not in _STARTUP_ERRORS:
                raise
            return 0
        return sum(max(0, each.offset) for each in offsets)
