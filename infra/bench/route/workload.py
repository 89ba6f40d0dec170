"""The scene that every contestant finds: topics full of requests, a config, and a published policy."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import msgspec

from infra.bench.route.corpus import Corpus, Part
from models.artifact import Artifact
from models.fit import fit
from schemas.codec import REQUEST
from schemas.messages import Request
from streams.errors import StreamsError
from streams.kafka.connect import open_writer
from streams.kafka.topics import ensure
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.registry import Registry

TASK = "bench"

_VERSION = "v1"
_TARGET = 0.95
_PATIENCE = 60.0


class Unprepared(StreamsError):
    """The scene could not be set; says what was in the way."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What requests bring.

    Attributes:
        name: for prefixes and figures.
        vectors: they bring 384 float32 in base64 and no text; else the text alone.
        messages: how many are waiting when a contestant starts.
    """

    name: str
    vectors: bool
    messages: int

    @property
    def embedder(self) -> str:
        return "precomputed" if self.vectors else "text"


VECTORS = Kind("vectors", vectors=True, messages=400_000)
TEXT = Kind("text", vectors=False, messages=300_000)


def prepare(settings: Settings, kind: Kind, data: Corpus) -> None:
    """Make the topics, publish a policy, set the config, and produce all requests.

    Raises:
        Unprepared: no policy could be certified, or the broker did not take everything.
    """
    ensure(settings)
    asyncio.run(_publish(settings, _fitted(kind, data.traces)))
    producer = open_writer(settings)
    config = {"embedder": kind.embedder, "target_agreement": _TARGET}
    producer.produce(settings.topics.config, msgspec.json.encode(config), TASK.encode())
    for request in requests(kind, data.requests):
        while len(producer) > 100_000:
            producer.poll(0.01)
        producer.produce(settings.topics.requests, REQUEST.encode(request), request.id.encode())
    if left := producer.flush(_PATIENCE):
        raise Unprepared(f"{left} of {kind.messages} requests did not reach the broker in {_PATIENCE:.0f} s")


def requests(kind: Kind, part: Part) -> Iterator[Request]:
    """The rows of the part again and again, each time under a new id."""
    rows = islice(cycle(zip(part.texts, part.vectors, strict=True)), kind.messages)
    for number, (text, vector) in enumerate(rows):
        if kind.vectors:
            yield Request(id=f"r{number}", task=TASK, embedding=vector.tobytes())
        else:
            yield Request(id=f"r{number}", task=TASK, text=text)


def _fitted(kind: Kind, traces: Part) -> Artifact:
    training = traces.training(vectors=kind.vectors)
    result = fit(training, task=TASK, version=_VERSION, embedder=kind.embedder, targets=(_TARGET,))
    if result.artifact is None:
        raise Unprepared(f"no policy for {kind.name}: {'; '.join(result.refused)}")
    return result.artifact


async def _publish(settings: Settings, artifact: Artifact) -> None:
    connection = Connection(**settings.redis)
    registry = Registry(connection, settings.keys, settings.policies_kept)
    try:
        await registry.publish(TASK, _VERSION, 1, 1, artifact, time.time_ns() // 1_000_000)
    finally:
        await connection.aclose()
