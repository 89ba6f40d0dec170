"""Workload that every contestant finds: a topic full of requests, a config, and a published policy.

The requests are Banking77's where the folder has it, otherwise generated ones. The policy is fitted on one
part of the data and the requests are drawn from the other, so that the share that is deferred is realistic.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.bench.corpora import BANKING77, Split, read_banking77
from infra.bench.kinds import FeatureKind
from infra.bench.trial import policy_of, timed_fit
from infra.demo.traffic import Traffic
from infra.errors import MissingData
from infra.harness.policies import publish_policy
from models.features import Features
from models.policy import Policy
from schemas.codec import REQUEST
from schemas.messages import Request
from schemas.vector_headers import vector_header
from streams.errors import KafkaFailed
from streams.kafka.clients import open_writer
from streams.kafka.topic_admin import create_missing
from streams.settings import Settings

TASK = "bench"
TARGET = 0.95

_DIMENSION = 384
_TRACES, _REQUESTS = 6_000, 3_000
_NOISE = 0.13
"""Per value, added to unit centroids: wide enough that some vectors lie between two of them."""
_MOST_IN_FLIGHT = 100_000
_FLUSH_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class RoutingCorpus:
    """Attributes:
    name: of the data.
    traces: what the policy is fitted on; texts and vectors of length 384.
    requests: rows that are asked about; likewise.
    """

    name: str
    traces: Split
    requests: Split


def routing_corpus(folder: Path) -> RoutingCorpus:
    """Raises InvalidFile: Banking77 is there, and is not what it should be."""
    try:
        train, test = read_banking77(folder, "train"), read_banking77(folder, "test")
    except MissingData:
        return generated_corpus()
    return RoutingCorpus(BANKING77, train, test)


def generated_corpus(traces: int = _TRACES, requests: int = _REQUESTS) -> RoutingCorpus:
    """The demo's messages, each with a vector near the centroid of its intent."""
    traffic, numbers = Traffic(seed=1), np.random.default_rng(1)
    drawn = [traffic.draw() for _ in range(traces + requests)]
    labels = [utterance.intent for utterance in drawn]
    names, index = np.unique(labels, return_inverse=True)
    centroids = _unit_rows(numbers.normal(size=(len(names), _DIMENSION)))
    vectors = _unit_rows(centroids[index] + numbers.normal(scale=_NOISE, size=(len(drawn), _DIMENSION)))
    rows = Features([utterance.text for utterance in drawn], vectors.astype("<f4"))
    first, second = range(traces), range(traces, traces + requests)
    return RoutingCorpus(
        "generated data",
        Split(rows.take(first), labels[:traces]),
        Split(rows.take(second), labels[traces:]),
    )


def prepare(
    settings: Settings, kind: FeatureKind, data: RoutingCorpus, count: int, form: str | None = None
) -> float:
    """Create the topics, publish a policy, set the config, and produce `count` requests.

    Args:
        form: of vectors in a header, see `schemas.vector_headers`; None for vectors in the value.

    Returns the policy's coverage of them, in [0, 1].

    Raises:
        MissingData: too little data for a policy.
        KafkaFailed: the broker did not take everything.
    """
    create_missing(settings)
    artifact = policy_of(timed_fit(kind, data.traces))
    publish_policy(settings, TASK, artifact)
    _produce(settings, kind, data, count, form)
    return _coverage(Policy.open(artifact.manifest, artifact.graph), kind.rows(data.requests))


def repeat_requests(kind: FeatureKind, split: Split, count: int) -> Iterator[Request]:
    """The rows of the split again and again, each time under a new id; with its vector, or its text alone."""
    rows = kind.rows(split)
    if rows.embeddings is not None:
        packed = [vector.tobytes() for vector in rows.embeddings]
        for number, embedding in enumerate(islice(cycle(packed), count)):
            yield Request(id=f"r{number}", task=TASK, embedding=embedding)
    else:
        for number, text in enumerate(islice(cycle(rows.texts or ()), count)):
            yield Request(id=f"r{number}", task=TASK, text=text)


def _produce(
    settings: Settings, kind: FeatureKind, data: RoutingCorpus, count: int, form: str | None
) -> None:
    producer = open_writer(settings)
    config = {"embedder": kind.embedder, "target_agreement": TARGET}
    producer.produce(settings.topics.config, msgspec.json.encode(config), TASK.encode())
    for request in repeat_requests(kind, data.requests, count):
        while len(producer) > _MOST_IN_FLIGHT:
            producer.poll(0.01)
        value, headers = _message(request, form)
        producer.produce(settings.topics.requests, value, request.id.encode(), headers=headers)
    if left := producer.flush(_FLUSH_TIMEOUT_S):
        raise KafkaFailed(
            f"could not produce the requests: {left} of {count} did not reach the broker in "
            f"{_FLUSH_TIMEOUT_S:.0f} s"
        )


def _message(request: Request, form: str | None) -> tuple[bytes, list[tuple[str, str | bytes | None]]]:
    """Value and headers."""
    if form is None or not isinstance(request.embedding, bytes):
        return REQUEST.encode(request), []
    vector = np.frombuffer(request.embedding, "<f4")
    return msgspec.json.encode({"id": request.id, "task": request.task}), [vector_header(form, vector)]


def _coverage(policy: Policy, rows: Features) -> float:
    scores, threshold = policy.score(rows), policy.manifest.threshold(TARGET)
    if threshold is None:
        return 0.0
    accepted = (scores.score >= threshold) & (scores.novelty <= policy.manifest.novelty_limit)
    return float(np.mean(accepted & ~policy.blocked[scores.label]))


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    units: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units
