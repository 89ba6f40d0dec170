"""Every message of a batch gets exactly one answer, deferral or dead letter, whatever its neighbours are."""

import asyncio
import json
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.artifact import Artifact
from models.features import Embed, Features
from models.manifest import Manifest
from models.policy import Policy, Scores
from schemas.config import parse_override
from schemas.messages import Reason, Request
from streams.roles.route import RouteRole
from streams.sampling import Sampler
from streams.tasks import Tasks
from tests.streams.fakes import (
    CARRIED,
    HEADERS,
    TOPICS,
    ScriptedPolicy,
    deferrals,
    flat,
    labels,
    message,
    reasons,
    to,
)

NOW = 2000
VECTORS = {"embedder": "precomputed"}


def live(vectors: Artifact | Policy | None = None, **vector_config: Any) -> Tasks:
    """Task `text` has a scripted policy, `vector` a real one, `paused` and any other answer nothing."""
    found = Tasks()
    found.set_policy("text", ScriptedPolicy())
    if isinstance(vectors, Artifact):
        vectors = Policy.open(vectors.manifest, vectors.graph)
    if vectors is not None:
        found.set_policy("vector", vectors)
    found.configure("paused", {"paused": True})
    found.configure("vector", parse_override(json.dumps(VECTORS | vector_config).encode()))
    found.configure("*", {"audit_rate": 0.5})
    return found


def routed(live: Tasks, *values: Any) -> Any:
    messages = [message(value, offset=place, key=b"%d" % place) for place, value in enumerate(values)]
    return flat(asyncio.run(RouteRole(live, TOPICS, Sampler(b"key")).route_batch(messages, NOW)))


_texts = st.sampled_from(["yes 0.9 0.1", "no 0.1 0.1", "yes nan nan", "fail"])
_numbers = st.lists(st.floats(width=32), min_size=3, max_size=5)
_vectors = st.none() | _numbers | _numbers.map(lambda numbers: np.array(numbers, "<f4").tobytes())
_requests = st.builds(
    Request,
    id=st.text("ab", min_size=1, max_size=8),
    task=st.sampled_from(["text", "vector", "paused", "never-heard-of"]),
    text=_texts,
    embedding=_vectors,
)
_values = _requests | st.sampled_from([None, b"", b"{}", b'{"id": "a", "task": "text"}'])


@given(st.lists(_values, max_size=12))
def test_each_message_has_one_outcome(artifact: Artifact, values: list[Any]) -> None:
    out = routed(live(artifact), *values)
    audits = [found for found in to(out, TOPICS.audits) if json.loads(found.value)["audit"]]
    once = [found for found in out if found not in audits]
    assert sorted(int(found.key) for found in once) == list(range(len(values)))
    audited = [found for found in to(out, TOPICS.labels) if json.loads(found.value)["audited"]]
    assert sorted(found.key for found in audited) == sorted(found.key for found in audits)
    assert all(found.headers == CARRIED for found in out if found.topic != TOPICS.dead_letters)


def test_invalid_vectors_become_dead_letters(artifact: Artifact) -> None:
    good = np.array([1, 0, 0, 0], "<f4").tobytes()
    values = [
        Request("good", "vector", embedding=good),
        Request("short", "vector", embedding=good[:12]),
        Request("odd", "vector", embedding=good[:13]),
        Request("nan", "vector", embedding=np.array([0, 0, np.nan, 0], "<f4").tobytes()),
        Request("huge", "vector", embedding=[0.0, 1e39, 0.0, 0.0]),
        Request("bare", "vector", text="no vector"),
        Request("list", "vector", embedding=[1.0, 0.0, 0.0, 0.0]),
        Request("textless", "text", embedding=good),
        Request("other", "text", text="yes 0.9 0.1"),
    ]
    out = routed(live(artifact), *values)
    assert {label.id: label.label for label in labels(out)} == {"good": "yes", "list": "yes", "other": "yes"}
    assert reasons(out) == [
        "embedding: 3 values, but the task needs 4",
        "embedding: 13 bytes are not a whole number of float32 values",
        "embedding: value 2 is not a finite float32",
        "embedding: value 1 is not a finite float32",
        "embedding: task vector is classified by vectors that requests bring",
        "text: task text is classified by its text",
    ]
    letter = to(out, TOPICS.dead_letters)[2]
    assert letter.headers[: len(HEADERS)] == HEADERS, "a dead letter keeps all headers of the request"
    assert (letter.key, letter.value) == (b"3", message(values[3]).value())


def test_before_a_policy_valid_vectors_are_deferred() -> None:
    values = [Request("a", "vector", embedding=[1.0]), Request("b", "vector", embedding=[1.0, 2.0])]
    broken = Request("c", "vector", embedding=np.array([np.inf], "<f4").tobytes())
    out = routed(live(), *values, broken)
    assert [(found.request.id, found.reason) for found in deferrals(out)] == [
        ("a", Reason.NO_POLICY),
        ("b", Reason.NO_POLICY),
    ]
    assert len(reasons(out)) == 1
    assert len(reasons(routed(live(dimension=2), *values))) == 1, "a configured dimension counts at once"


def test_a_failing_policy_touches_its_task_alone(artifact: Artifact) -> None:
    out = routed(
        live(artifact), Request("a", "text", "fail"), Request("b", "vector", embedding=[1.0, 0, 0, 0])
    )
    assert [label.id for label in labels(out)] == ["b"]


def test_a_decision_does_not_depend_on_the_batch(artifact: Artifact) -> None:
    vectors = np.random.default_rng(3).normal(size=(300, 4)).astype(np.float32)
    requests = [Request(f"r{n}", "vector", embedding=row.tobytes()) for n, row in enumerate(vectors)]
    there, out = live(artifact), Counter[bytes]()
    for request in requests:
        out.update(found.value for found in routed(there, request))
    together = Counter(found.value for found in routed(there, *requests))
    assert {found.reason for found in labels(routed(there, *requests))} == {Reason.ACCEPTED}
    assert together == out


def test_an_overflowing_vector_is_never_answered(
    artifact: Artifact,
) -> None:
    manifest = replace(Manifest.decode(artifact.manifest), novelty_limit=1e6)
    accepting = Policy.open(manifest.encode(), artifact.graph)
    there = live(accepting, threshold=0.0)
    assert len(labels(routed(there, Request("a", "vector", embedding=[0.0, 0.0, 1.0, 0.0])))) == 1
    out = routed(there, Request("a", "vector", embedding=[3e38] * 4))
    assert [found.reason for found in deferrals(out)] == [Reason.NOVEL]
    assert labels(out) == []


class Defective(ScriptedPolicy):
    """Raises what is no policy's error on the text `defect`."""

    scored = 0

    def score(self, features: Features, embed: Embed | None = None) -> Scores:
        texts = list(features.texts or ())
        self.scored += len(texts)
        if "defect" in texts:
            raise RuntimeError("a defect")
        return super().score(features, embed)


def test_a_request_that_fails_fails_alone() -> None:
    tasks, policy, other = Tasks(), Defective(), Defective()
    tasks.set_policy("text", policy)
    tasks.set_policy("other", other)
    tasks.configure("*", {"audit_rate": 0.0})
    requests = [Request(f"r{at}", "text", "yes 0.9 0.1") for at in range(256)]
    requests[100] = Request("r100", "text", "defect")
    others = [Request(f"s{at}", "other", "yes 0.9 0.1") for at in range(64)]
    out = routed(tasks, *requests, *others)
    assert reasons(out) == ["RuntimeError: a defect"]
    assert {label.id for label in labels(out)} == {one.id for one in (*requests, *others)} - {"r100"}
    assert other.scored == 64, "no other task decides again"
    assert policy.scored < 3 * 256
