"""A task without a label set gets no labels without end: the next one is an error, and operators are told."""

import itertools
from typing import Any

import msgspec
import pytest

from models.artifact import Artifact
from schemas.config import parse_override
from schemas.events import LabelsCappedDetails
from schemas.messages import Reply, Teacher
from schemas.redis_keys import Keys
from streams.roles.label_cap import LabelCap
from streams.roles.learn import ReplyRecorder
from streams.sampling import Sampler
from streams.state.connection import Connection
from streams.state.free_labels import FreeLabels
from streams.state.lease import Leases
from streams.state.registry import Registry
from streams.tasks import Tasks
from tests.streams.fakes import (
    TOPICS,
    PublishedEvents,
    RememberedReplies,
    deferral,
    flat,
    labels,
    manifest,
    message,
    reasons,
    traces,
)


class Deployment:
    """A recorder with a cap of two labels."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self.connection, self.keys = connection, keys
        self.tasks = Tasks()
        self.registry = Registry(connection, keys, 5)
        self.events = PublishedEvents()
        cap = LabelCap(self.tasks, FreeLabels(connection, keys), self.registry, self.events.publish)
        self.recorder = ReplyRecorder(self.tasks, TOPICS, Sampler(b"key"), RememberedReplies(), label_cap=cap)
        self.ids = itertools.count()
        self.configure(most_labels=2)

    def configure(self, **teacher: Any) -> None:
        fields = {"repeat_rate": 0.0, "teacher": teacher}
        self.tasks.configure("t", parse_override(msgspec.json.encode(fields)))

    async def given(self, *said: str) -> list[str | None]:
        """What clients get when the teacher says this."""
        replies = [Reply(deferral(f"r{next(self.ids)}"), label, Teacher("m")) for label in said]
        out = flat(await self.recorder.record_batch([message(reply) for reply in replies], 9))
        assert len(traces(out)) == len([label for label in labels(out) if label.label])
        assert len(reasons(out)) == len([label for label in labels(out) if label.error])
        return [label.label for label in labels(out)]


@pytest.fixture
async def deployment(connection: Connection, keys: Keys) -> Deployment:
    return Deployment(connection, keys)


async def test_a_label_too_many_is_an_error(deployment: Deployment) -> None:
    assert await deployment.given("a", "b", "c", "a", "d") == ["a", "b", None, "a", None]
    event = await deployment.events.next()
    assert (event.kind, LabelsCappedDetails.of(event)) == ("labels_capped", LabelsCappedDetails("c", 2))
    assert "`teacher.most_labels`" in event.message
    assert deployment.events.is_empty(), "once a day is enough"
    deployment.configure(most_labels=3)
    assert await deployment.given("c", "d") == ["c", None]


async def test_a_label_set_decides_alone(deployment: Deployment) -> None:
    deployment.configure(most_labels=2, labels=["a", "b", "c"])
    assert await deployment.given("a", "b", "c", "d") == ["a", "b", "c", "d"]


async def test_a_new_name_is_no_new_label(deployment: Deployment) -> None:
    assert await deployment.given("a", "b") == ["a", "b"]
    deployment.configure(most_labels=2, labels_renamed={"old": "a"})
    assert await deployment.given("old", "a") == ["a", "a"]


async def test_what_the_live_version_answers_counts(deployment: Deployment) -> None:
    token = await Leases(deployment.connection, deployment.keys, "leader", 60.0).acquire("t")
    policy = Artifact(manifest(labels=("x", "y", "z")).encode(), b"graph")
    await deployment.registry.publish("t", "v1", 1, token, policy, 1000)
    assert await deployment.given("a", "b", "c", "z", "y") == ["a", "b", None, "z", "y"]
