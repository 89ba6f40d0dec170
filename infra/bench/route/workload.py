"""The scene that every contestant finds: a topic full of requests, a config, and a published policy."""

import asyncio
import time
from collections.abc import Iterator
from itertools import cycle, islice

import msgspec
import numpy as np

from infra.bench.banking import Split
from infra.bench.kinds import Kind
from infra.bench.route.corpus import RoutingCorpus
from infra.bench.trial import policy_of, timed_fit
from models.artifact import Artifact
from models.features import Features
from models.policy import Policy
from schemas.codec import REQUEST
from schemas.messages import Request
from streams.errors import KafkaFailed
from streams.kafka.connect import open_writer
from streams.kafka.topics import create_missing
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.registry import Registry

TASK = "bench"
TARGET = 0.95

_VERSION = "v1"
_ON_THE_WAY = 100_000
_PATIENCE = 60.0


def prepare(settings: Settings, kind: Kind, data: RoutingCorpus, count: int) -> float:
    """Make the topics, publish a policy, set the config, and produce `count` requests.

    Returns the share of them, in [0, 1], that the policy answers.

    Raises:
        MissingData: too little data for a policy.
        KafkaFailed: the broker did not take everything.
    """
    create_missing(settings)
    artifact = policy_of(timed_fit(kind, data.traces))
    asyncio.run(_publish(settings, artifact))
    _produce(settings, kind, data, count)
    return _answered(Policy.open(artifact.manifest, artifact.graph), kind.rows(data.requests))


def requests(kind: Kind, split: Split, count: int) -> Iterator[Request]:
    """The rows of the split again and again, each time under a new id; with its vector, or its text alone."""
    rows = kind.rows(split)
    if rows.embeddings is not None:
        packed = [vector.tobytes() for vector in rows.embeddings]
        for number, embedding in enumerate(islice(cycle(packed), count)):
            yield Request(id=f"r{number}", task=TASK, embedding=embedding)
    else:
        for number, text in enumerate(islice(cycle(rows.texts or ()), count)):
            yield Request(id=f"r{number}", task=TASK, text=text)


def _produce(settings: Settings, kind: Kind, data: RoutingCorpus, count: int) -> None:
    producer = open_writer(settings)
    config = {"embedder": kind.embedder, "target_agreement": TARGET}
    producer.produce(settings.topics.config, msgspec.json.encode(config), TASK.encode())
    for request in requests(kind, data.requests, count):
        while len(producer) > _ON_THE_WAY:
            producer.poll(0.01)
        producer.produce(settings.topics.requests, REQUEST.encode(request), request.id.encode())
    if left := producer.flush(_PATIENCE):
        raise KafkaFailed(f"{left} of {count} requests did not reach the broker in {_PATIENCE:.0f} s")


def _answered(policy: Policy, rows: Features) -> float:
    scores, threshold = policy.score(rows), policy.manifest.threshold(TARGET)
    if threshold is None:
        return 0.0
    accepted = (scores.score >= threshold) & (scores.novelty <= policy.manifest.novelty_limit)
    return float(np.mean(accepted & ~policy.blocked[scores.label]))


async def _publish(settings: Settings, artifact: Artifact) -> None:
    connection = Connection(**settings.redis)
    registry = Registry(connection, settings.keys, settings.policies_kept)
    try:
        await registry.publish(TASK, _VERSION, 1, 1, artifact, time.time_ns() // 1_000_000)
    finally:
        await connection.aclose()
