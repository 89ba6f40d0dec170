"""Run of the whole system over one stream, exactly once; its record is what the topics hold at the end.

A worker routes, learns and certifies, another one trains; the teacher and the client are outside. The config
is one that an operator might set, and does not change.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from infra.bench.corpora import Split
from infra.bench.drift.scenarios import TASK, Stream, place_of, stream_requests
from infra.bench.servers import deployed
from infra.harness.client import Conversation
from infra.harness.deployment import Deployment
from infra.harness.teacher import OutsideTeacher
from infra.harness.waiting import Stalled, wait_until
from schemas.codec import EVENT
from schemas.config import Config
from schemas.events import Event
from schemas.messages import Deferral, Label, Reply
from streams.kafka.topic_client import Reader
from streams.settings import Settings

TARGET, RESERVE, AUDIT_RATE = 0.9, 0.6, 0.2
DEFAULT_RATE = float(Config().audit_rate)
AIM = Config(target_agreement=TARGET, reserve=RESERVE).aim
PACE = 225.0
"""Requests a second."""
CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "embedder": "precomputed",
        "target_agreement": TARGET,
        "reserve": RESERVE,
        "refit": {"at_least": 1_000, "growth": 3.0},
    }
)
"""A first version of 1,000 traces; without an alarm the next comes when there are 3,000 more.

The stream is short: without the reserve it would not hold the audits that prove the target.
"""

WITH_AUDITS: Mapping[str, Any] = MappingProxyType({"audit_rate": AUDIT_RATE})
WITHOUT_AUDITS: Mapping[str, Any] = MappingProxyType({"audit_rate": 0.0})
FEW_AUDITS: Mapping[str, Any] = MappingProxyType(
    {
        "audit_rate": DEFAULT_RATE,
        "audit_enough": 0,
        "refit": {"at_least": 1_000, "growth": 100.0},
    }
)
"""The default audit rate from the start, without the early audits that would fill so short a stream, and no
refit but the first and requested ones: growth would refit just when the drift begins.
"""
UNWATCHED: Mapping[str, Any] = MappingProxyType({**FEW_AUDITS, "deferral_drift": False})

_LABELS_TIMEOUT_S = 120.0
_SETTLE_S = 2.0
"""For the last audits to be folded; events that come later are left out."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Labels and events of one run, from its topics.

    Attributes:
        labels: one for each request.
        events: of the task, oldest first.
    """

    labels: tuple[Label, ...]
    events: tuple[Event, ...]


def run(servers: Settings, data: Split, stream: Stream, config: Mapping[str, Any]) -> RunRecord:
    """Args:
        config: further fields of the task's config.

    Raises:
    LocalServerError, StreamsError: the system does not start, or stalls.
    """
    with deployed(servers, "drift") as deployment:
        deployment.configure(TASK, **{**CONFIG, **config})
        deployment.worker("route", "learn", "certify")
        deployment.worker("trainer")
        with OutsideTeacher(deployment, lambda deferral: _reply(stream, deferral)):
            labels = _ask_all(deployment, data, stream)
        deployment.stop()
        return RunRecord(labels, _events(deployment))


def _reply(stream: Stream, deferral: Deferral) -> Reply:
    place = place_of(deferral.request.id)
    return Reply(deferral, stream.answers[place], stream.teacher(place))


def _ask_all(deployment: Deployment, data: Split, stream: Stream) -> tuple[Label, ...]:
    """Send all requests; returns their labels, once the events that follow have had time to come."""
    with closing(Conversation(deployment)) as conversation:
        for _ in conversation.send_paced(list(stream_requests(stream, data)), PACE):
            pass
        wait_until(
            lambda: not conversation.collect() and len(conversation.labels) >= len(stream),
            _LABELS_TIMEOUT_S,
            f"a label for each of {len(stream)} requests",
        )
        time.sleep(_SETTLE_S)
        conversation.collect()
        if len(conversation.labels) != len(stream):
            raise Stalled(
                f"a request got several labels: {len(conversation.labels)} labels for {len(stream)} requests"
            )
        return tuple(conversation.labels)


def _events(deployment: Deployment) -> tuple[Event, ...]:
    with closing(Reader(deployment.settings, deployment.topics.events, from_start=True)) as reader:
        events = [EVENT.decode(message.value()) for message in reader.to_end()]
    return tuple(sorted((event for event in events if event.task == TASK), key=lambda event: event.at))
