"""The encode role: encoders and their queues, policies from the registry, and a lane of the encodings."""

from streams.assembly.parts import WorkerParts
from streams.drift.watch import DriftWatch
from streams.roles import encode
from streams.routing.decision_counts import DecisionCounts

_WINDOW = 1_000
"""Texts in hand of one partition: few enough that an encoder of some speed is done with all in time."""


def add(parts: WorkerParts) -> None:
    """Add the role's agent and services to the worker."""
    topics = parts.settings.topics
    # Encoders start first; otherwise each policy whose encoder is not open yet logs an error.
    encoders = parts.open_encoders()
    parts.sync_policies()
    parts.check_audit_key()
    role = encode.EncodeRole(
        parts.tasks,
        topics,
        parts.sampler,
        encoders,
        parts.spending().count_labels,
        DecisionCounts(parts.metrics).count,
        parts.tracing,
    )
    # Nobody tells two labels of a request apart, so no answer may be forgotten.
    lane = parts.lane(
        encode.STAGE, topics.encodings, lambda _: None, window=_WINDOW, pauses_when_crowded=True
    )
    encode.install(parts.app, lane, role)
    parts.services.append(DriftWatch(parts.tasks, role.traffic, parts.refit_queue(), parts.event_publisher))
