"""Stages of each request's latency: what the load and the loop have noted, set side by side.

All stages of a request add up to its latency. A stage that goes on after the label was read counts up to then
only: without transactions a label is read before its offsets are committed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.bench.latency.stage_log import BatchRecord, StageMark

STAGES = (
    "late",
    "send",
    "queue",
    "fetch",
    "hand over",
    "decode",
    "score",
    "encode",
    "produce",
    "wait",
    "offsets",
    "commit",
    "read",
)
"""Of a request, in order:

    late       the generator produces it after it was due
    send       the broker acknowledges it
    queue      the loop is busy with what came before
    fetch      the loop waits for messages, and has it
    hand over  the agent has the batch
    decode     all of the batch are decoded
    score      all are decided
    encode     the loop has their outputs
    produce    the producer has them in its queue
    wait       the commit begins
    offsets    the offsets are in the transaction; without one, the broker has acknowledged the outputs
    commit     the transaction is committed, or the offsets are
    read       a reader of committed labels has it
"""


class StageTimes(NamedTuple):
    """Attributes:
    latency: seconds of each request, from when it was due.
    stages: seconds, a row a request and a column a stage.
    late: seconds from when each request was due to when it was produced.
    lost: requests whose label was not read, or that no batch holds.
    """

    latency: NDArray[np.float64]
    stages: NDArray[np.float64]
    late: NDArray[np.float64]
    lost: int

    def milliseconds(self, share: float) -> float:
        """The latency below which this share of the requests has its label."""
        return float(np.quantile(self.latency, share)) * 1e3

    def shares(self, share: float) -> NDArray[np.float64]:
        """Of each stage in the time of the requests that take the longest, those from this quantile on."""
        slow = self.stages[self.latency >= np.quantile(self.latency, share)]
        total: NDArray[np.float64] = slow.sum(axis=0) / slow.sum()
        return total


def stage_times(times: NDArray[np.void], records: Sequence[BatchRecord]) -> StageTimes:
    """Join both by partition and offset.

    Args:
        times: of `infra.bench.latency.load.TIMES`.
    """
    marks = _marks_of(times, records)
    is_whole = ~(np.isnan(times["read"]) | np.isnan(times["acked"]) | np.isnan(marks[:, 0]))
    times, marks = times[is_whole], marks[is_whole]
    acked = np.minimum(times["acked"], marks[:, StageMark.CONSUMED])
    queued = np.clip(marks[:, StageMark.ASKED], acked, marks[:, StageMark.CONSUMED])
    moments = [times["due"], times["sent"], acked, queued, *marks[:, StageMark.CONSUMED :].T, times["read"]]
    bounds = np.minimum(np.stack(moments, axis=1), times["read"][:, None])
    late = times["sent"] - times["due"]
    return StageTimes(times["read"] - times["due"], np.diff(bounds, axis=1), late, int((~is_whole).sum()))


def _marks_of(times: NDArray[np.void], records: Sequence[BatchRecord]) -> NDArray[np.float64]:
    """The marks of the batch that holds each request, a row each; not numbers where none does."""
    marks = np.full((len(times), len(StageMark)), np.nan)
    for partition in np.unique(times["partition"]):
        spans = sorted(
            (first, last, number)
            for number, record in enumerate(records)
            for part, first, last in record.spans
            if part == partition
        )
        if not spans:
            continue
        first, last, number = np.array(spans).T
        rows = np.flatnonzero(times["partition"] == partition)
        offsets = times["offset"][rows]
        place = np.searchsorted(first, offsets, side="right") - 1
        is_held = (place >= 0) & (offsets <= last[place])
        held = np.array([records[one].marks for one in number[place[is_held]]])
        marks[rows[is_held]] = held.reshape(-1, len(StageMark))
    return marks
