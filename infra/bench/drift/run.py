"""One run of the whole system over one stream, exactly once: what its topics hold when all is answered.

A worker routes, learns and certifies, another one trains; the teacher and the client are outside. The config
is one that an operator might set, and stays as it is.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from infra.bench.banking import Split
from infra.bench.drift.stream import TASK, Stream, place_of, requests
from infra.bench.servers import topics_removed
from infra.harness.client import Conversation
from infra.harness.deployment import Deployment, fresh_prefix
from infra.harness.teacher import OutsideTeacher
from infra.harness.waiting import Stalled, wait_until
from infra.serve.topic_client import Reader
from schemas.codec import EVENT
from schemas.config import Config
from schemas.events import Event
from schemas.messages import Deferral, Label, Reply
from streams.settings import Settings

TARGET, RESERVE, AUDIT_RATE = 0.9, 0.6, 0.2
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
"""A first version of 1,000 traces, and without cause no other until there are 3,000 more.

The stream is short: without the reserve it would not hold the audits that prove the promise.
"""

_ANSWERED = 120.0
_QUIET = 2.0
"""For the last audits to be folded; what is later still is left out."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the topics hold.

    Attributes:
        labels: one for each request.
        events: of the task, oldest first.
    """

    labels: tuple[Label, ...]
    events: tuple[Event, ...]


def run(servers: Settings, data: Split, stream: Stream, audit_rate: float) -> RunRecord:
    """Raises:
    LocalServerError, StreamsError: the system does not start, or does not get on.
    """
    with _deployed(servers) as deployment:
        deployment.configure(TASK, **CONFIG, audit_rate=audit_rate)
        deployment.worker("route", "learn", "certify")
        deployment.worker("trainer")
        with OutsideTeacher(deployment, lambda deferral: _reply(stream, deferral)):
            labels = _asked(deployment, data, stream)
        deployment.stop()
        return RunRecord(labels, _events(deployment))


@contextmanager
def _deployed(servers: Settings) -> Iterator[Deployment]:
    with TemporaryDirectory(prefix="understudy-bench-") as folder:
        kafka, redis = str(servers.kafka["bootstrap.servers"]), str(servers.redis["url"])
        prefix = fresh_prefix(f"{servers.prefix}-drift")
        deployment = Deployment(kafka, redis, Path(folder), prefix)
        deployment.create_topics()
        with topics_removed(deployment.settings), closing(deployment):
            yield deployment


def _reply(stream: Stream, deferral: Deferral) -> Reply:
    place = place_of(deferral.request.id)
    return Reply(deferral, stream.said[place], stream.teacher(place))


def _asked(deployment: Deployment, data: Split, stream: Stream) -> tuple[Label, ...]:
    """The labels of all requests, once what followed from them has had its time."""
    with closing(Conversation(deployment)) as conversation:
        for _ in conversation.paced(list(requests(stream, data)), PACE):
            pass
        wait_until(
            lambda: not conversation.collect() and len(conversation.labels) >= len(stream),
            _ANSWERED,
            f"a label for each of {len(stream)} requests",
        )
        time.sleep(_QUIET)
        conversation.collect()
        if len(conversation.labels) != len(stream):
            raise Stalled(f"{len(conversation.labels)} labels came for {len(stream)} requests")
        return tuple(conversation.labels)


def _events(deployment: Deployment) -> tuple[Event, ...]:
    with closing(Reader(deployment.settings, deployment.topics.events, from_start=True)) as reader:
        found = [EVENT.decode(message.value()) for message in reader.to_end()]
    return tuple(sorted((event for event in found if event.task == TASK), key=lambda event: event.at))
