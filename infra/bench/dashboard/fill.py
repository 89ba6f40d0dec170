"""Fills a Redis with tasks as months of work leave them, and changes some of them, as audits come in."""

import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from redis import Redis

from models.artifact import Artifact
from models.certificate import Certificate
from models.features import Features
from models.fit import TrainingSet, fit
from schemas.redis_keys import Keys
from streams.certify.history import MOST_POINTS, CertificatePoint, encode_point
from streams.certify.status import CertificateStatus, encode_status
from streams.clock import unix_ms
from streams.state.spending import DAY

VERSION = "v7"
TARGET = 0.95
_LABELS = 30
_ROWS = 1_500
_WIDTH = 32
_CLASSES = [f"label-{number}" for number in range(_LABELS)]
_STEP = 600_000
"""Milliseconds between two points of a certificate's history; the newest come every minute."""


def fitted_policy() -> Artifact:
    """A policy with so many labels: its manifest is what a reader has to read."""
    random_state = np.random.default_rng(3)
    centres = random_state.normal(size=(_LABELS, _WIDTH))
    numbers = random_state.integers(0, _LABELS, _ROWS)
    vectors = (centres[numbers] + 0.4 * random_state.normal(size=(_ROWS, _WIDTH))).astype(np.float32)
    training = TrainingSet(
        Features(embeddings=vectors), [_CLASSES[number] for number in numbers], np.ones(_ROWS, dtype=np.bool_)
    )
    found = fit(training, task="bench", version=VERSION, embedder="precomputed", targets=(TARGET,)).artifact
    if found is None:
        raise AssertionError("the benchmark's own policy passes no gate")
    return found


def task_names(count: int) -> list[str]:
    return [f"task-{number:03}" for number in range(count)]


def fill(redis: Redis, keys: Keys, names: Sequence[str], artifact: Artifact) -> None:
    """All that the dashboard reads of each task."""
    chance, now = random.Random(1), unix_ms()
    today = int(time.time() // DAY)
    redis.hset(keys.guard, mapping={"until": now + 3_600_000, "at": now})
    for name in names:
        audits = chance.randrange(500, 5_000)
        pipeline = redis.pipeline(transaction=False)
        pipeline.sadd(keys.tasks, name)
        pipeline.hset(keys.active(name), mapping={"version": VERSION, "token": 1, "since": now - 9_000_000})
        pipeline.set(keys.manifest(name, VERSION), artifact.manifest)
        pipeline.hset(keys.audits(name, VERSION), mapping=_status(audits, now))
        pipeline.hset(keys.service(name), mapping=_status(audits, now))
        pipeline.rpush(keys.bounds(name, VERSION), *_points(audits, now))
        pipeline.hset(
            f"{keys.spending(name)}:{today}",
            mapping={"calls": 900, "tokens": 90_000, "money": 1.5, "answered": 9_000, "requests.calls": 800},
        )
        pipeline.execute()


def audit(redis: Redis, keys: Keys, name: str) -> None:
    """One more audit of a task, that agrees."""
    now = unix_ms()
    pipeline = redis.pipeline(transaction=False)
    pipeline.hincrby(keys.audits(name, VERSION), "n", 1)
    pipeline.hincrby(keys.audits(name, VERSION), "k", 1)
    pipeline.hset(keys.guard, mapping={"until": now, "at": now})
    pipeline.execute()


def _status(audits: int, now: int) -> dict[Any, Any]:
    labels = {name: Certificate(audits // _LABELS, audits // _LABELS - 1) for name in _CLASSES}
    status = CertificateStatus(
        audits=audits,
        agreements=int(0.985 * audits),
        pending=7,
        bound=0.97,
        until=now,
        target=TARGET,
        certified=True,
        alarm=0.1,
        labels=labels,
        updated_at=now,
        level=0.01,
    )
    return dict(encode_status(status))


def _points(audits: int, now: int) -> list[bytes]:
    points = []
    for place in range(MOST_POINTS):
        ago = MOST_POINTS - 1 - place
        at = now - (60_000 * ago if ago < 60 else 3_600_000 + _STEP * (ago - 60))
        seen = audits * (place + 1) // MOST_POINTS
        point = CertificatePoint(
            at, VERSION, seen, seen // 70, 0.9612 + place * 1e-5, TARGET, "certified", 0.1
        )
        points.append(encode_point(point))
    return points
