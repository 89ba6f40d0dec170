"""Log of when a loop did what with each batch, written by the process that is measured.

A record is a batch: the offsets that it holds of each partition, and a time for each `StageMark`. All
processes of a host read the same steady clock, so the times can be set beside those of the load's process.
"""

import time
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import msgspec
from confluent_kafka import Message

_ENCODER = msgspec.json.Encoder()


class StageMark(IntEnum):
    """Moments in the life of a batch, in order; each ends a stage."""

    ASKED = 0
    """The loop begins to wait for messages."""
    CONSUMED = 1
    BEGUN = 2
    """The agent has the batch."""
    DECODED = 3
    SCORED = 4
    ENCODED = 5
    """The loop has the outputs."""
    PRODUCED = 6
    """The producer has the outputs, in its queue."""
    COMMITTING = 7
    OFFSETS = 8
    """The offsets are in the transaction; without one, the broker has acknowledged the outputs."""
    COMMITTED = 9


class BatchRecord(NamedTuple):
    """Attributes:
    spans: partition, first and last offset.
    marks: seconds on the steady clock, one for each of `StageMark`.
    """

    spans: list[tuple[int, int, int]]
    marks: list[float]


class StageLog:
    """Appends a line for each batch once it is committed.

    The marks of the batch in hand are set by whichever thread has it; the loop hands it on, so there is one
    at a time.

    Attributes:
        committed_at: seconds on the steady clock, of the last commit; 0 before the first.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._marks = [0.0] * len(StageMark)
        self._spans: list[tuple[int, int, int]] = []
        self._pending: list[BatchRecord] = []
        self.committed_at = 0.0

    def __enter__(self) -> "StageLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def mark(self, at: StageMark) -> None:
        self._marks[at] = time.monotonic()

    def begin(self, messages: Sequence[Message]) -> None:
        """These messages have been consumed; marks that nothing sets are at that moment."""
        now = time.monotonic()
        self._marks[StageMark.CONSUMED :] = [now] * (len(StageMark) - StageMark.CONSUMED)
        self._spans = spans_of(messages)

    def end(self) -> None:
        """The outputs of the batch in hand are in the producer's queue."""
        self.mark(StageMark.PRODUCED)
        self._pending.append(BatchRecord(self._spans, self._marks.copy()))

    def commit(self, committing: float, offsets: float) -> None:
        """All batches so far are committed, now; the commit began, and had the offsets, at these times."""
        self.committed_at = time.monotonic()
        for record in self._pending:
            record.marks[StageMark.COMMITTING :] = [committing, offsets, self.committed_at]
        self._file.write(b"".join(_ENCODER.encode(record) + b"\n" for record in self._pending))
        self._pending.clear()


def spans_of(messages: Sequence[Message]) -> list[tuple[int, int, int]]:
    """Partition, first and last offset, of each partition that messages are of, which come in order."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for message in messages:
        partition, offset = message.partition(), message.offset()
        if partition is not None and offset is not None:
            first.setdefault(partition, offset)
            last[partition] = offset
    return [(partition, first[partition], last[partition]) for partition in first]


def read_stage_log(path: Path) -> list[BatchRecord]:
    """All whole lines."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=BatchRecord) for line in lines]
