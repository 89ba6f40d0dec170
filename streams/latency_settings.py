"""Setting `latency`: what a worker gives up throughput for, and all that follows from it.

Whoever sets one of these by itself (`commit_interval`, `batch`, `producer.linger_ms`, ...) keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Latency(StrEnum):
    """Value of the setting."""

    LOW = "low"
    BALANCED = "balanced"
    THROUGHPUT = "throughput"


@dataclass(frozen=True, slots=True)
class LatencyProfile:
    """Attributes:
    commit_interval: see `Settings`.
    batch: likewise.
    consumer, producer: librdkafka options.
    """

    commit_interval: float
    batch: int
    consumer: Mapping[str, Any]
    producer: Mapping[str, Any]


_WAIT = 250
"""Milliseconds. A broker answers as soon as there is a message; without one, each answer wakes both sides."""

PROFILES: Mapping[Latency, LatencyProfile] = MappingProxyType(
    {
        Latency.LOW: LatencyProfile(
            commit_interval=0.005,
            batch=2_000,
            consumer={"fetch.wait.max.ms": 50, "fetch.queue.backoff.ms": 1},
            producer={"linger.ms": 0},
        ),
        Latency.BALANCED: LatencyProfile(
            commit_interval=0.015,
            batch=4_000,
            consumer={"fetch.wait.max.ms": _WAIT, "fetch.queue.backoff.ms": 5},
            producer={"linger.ms": 1},
        ),
        Latency.THROUGHPUT: LatencyProfile(
            commit_interval=0.1,
            batch=4_000,
            consumer={"fetch.wait.max.ms": _WAIT, "fetch.queue.backoff.ms": 5},
            producer={"linger.ms": 5},
        ),
    }
)
