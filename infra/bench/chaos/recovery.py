"""Recovery: how long after a fault labels flow again, how long until nothing lags, and who waited longest."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from infra.bench.chaos.observer import Record
from infra.bench.chaos.stream import RequestStream

LAGS_S = 4.0
"""A request that has waited for longer lags; the slow task's take some two seconds."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class FaultRecovery:
    """Attributes:
    flows: seconds from the end of the fault until a request that was sent after it had its label.
    caught_up: seconds from the end until no request lagged. None for both where it did not happen in time.
    waited: longest that a request waited which got its label, or an error, since the fault began; seconds.
    """

    flows: float | None
    caught_up: float | None
    waited: float


@dataclass
class WaitingRequests:
    """Requests without a label or an error, followed as labels come. Times are Unix seconds."""

    stream: RequestStream
    records: list[Record]
    _read: int = 0
    _read_sent: int = 0
    _open: dict[str, float] = field(default_factory=dict)
    _answered: list[tuple[float, float]] = field(default_factory=list)

    def lags(self) -> bool:
        """Whether a request has waited for too long."""
        self._follow()
        return min(self._open.values(), default=math.inf) < time.time() - LAGS_S

    def has_answered_since(self, began: float) -> bool:
        """Whether a request that was sent since then has its label."""
        return any(sent >= began for _, sent in self._answered_since(began))

    def longest_since(self, began: float) -> float:
        """Longest wait of the requests that were answered since then."""
        return max((at - sent for at, sent in self._answered_since(began)), default=0.0)

    def _answered_since(self, began: float) -> Iterator[tuple[float, float]]:
        """When they were answered, and sent; newest first."""
        self._follow()
        return takewhile(lambda one: one[0] >= began, reversed(self._answered))

    def _follow(self) -> None:
        for name, at in self.stream.sent[self._read_sent :]:
            self._read_sent += 1
            self._open.setdefault(name, at)
        for record in self.records[self._read :]:
            self._read += 1
            sent = self._open.pop(record.value["id"], None) if record.topic == "labels" else None
            if sent is not None:
                self._answered.append((record.seen_at, sent))


def recover(waiting: WaitingRequests, began: float, patience: float) -> FaultRecovery:
    """Wait until labels flow and nothing lags, for `patience` seconds at most.

    Args:
        began: when the fault began, Unix seconds.
    """
    ended = time.time()
    flows = _seconds_until(lambda: waiting.has_answered_since(ended), ended, patience)
    caught_up = _seconds_until(lambda: not waiting.lags(), ended, patience)
    return FaultRecovery(flows, caught_up, waiting.longest_since(began))


def _seconds_until(condition: Callable[[], bool], began: float, patience: float) -> float | None:
    while not condition():
        if time.time() - began > patience:
            return None
        time.sleep(_POLL_S)
    return time.time() - began
