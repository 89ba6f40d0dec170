"""An encoder makes a vector of each text once, for all who need it; one that fails answers nothing."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.config import parse_override
from schemas.messages import Reason, Request
from streams.encoder_spec import EncoderSpec
from streams.kafka.batch import Outgoing
from streams.roles.route import RouteRole
from streams.routing import encoded_batch
from streams.sampling import Sampler
from streams.tasks import Tasks
from tests.streams.fakes import (
    TOPICS,
    ScriptedEmbedder,
    ScriptedPolicy,
    deferrals,
    labels,
    message,
    reasons,
)

SPEC = "model2vec:/m"


class Room:
    """Tasks `t`, whose texts are encoded, and `text`, whose texts are not."""

    def __init__(
        self,
        embedder: ScriptedEmbedder | None = None,
        policy: bool = True,
        spec: str = SPEC,
        audit_rate: float = 0.0,
    ) -> None:
        self.live = Tasks()
        self.live.configure("*", parse_override(msgspec.json.encode({"audit_rate": audit_rate})))
        self.live.configure("t", parse_override(msgspec.json.encode({"embedder": spec})))
        self.live.set_policy("text", ScriptedPolicy())
        if policy:
            given: dict[str, Any] = {"embedder": spec, "dimension": 3, "encoder": "scripted:1"}
            self.live.set_policy("t", ScriptedPolicy(**given))
        if embedder is not None:
            self.live.set_encoder(EncoderSpec(SPEC), embedder)
        self._router = RouteRole(self.live, TOPICS, Sampler(b"key"))

    async def sent(self, *texts: str | None, task: str = "t") -> list[Outgoing]:
        requests = [Request(f"r{at}", task, text, embedding=[1.0]) for at, text in enumerate(texts)]
        return await self._router.routed([message(request) for request in requests], 2000)


async def test_texts_are_encoded_once_and_their_vectors_go_to_the_teacher_with_the_encoder_s_name() -> None:
    embedder = ScriptedEmbedder()
    out = await Room(embedder).sent("yes 0.75 0.25", "no 0.25 0.25", None)
    assert embedder.texts == ["yes 0.75 0.25", "no 0.25 0.25"]
    assert [(label.label, label.reason) for label in labels(out)] == [("yes", Reason.ACCEPTED)]
    (found,) = deferrals(out)
    assert (found.reason, found.embedder, found.encoder) == (Reason.LOW_SCORE, SPEC, "scripted:1")
    assert found.features is not None
    assert np.frombuffer(found.features, "<f4").tolist() == [0.0, 0.25, 0.25]
    assert reasons(out) == ["text: task t is classified by its text"]


async def test_a_cascade_encodes_what_its_first_stage_leaves_open_and_what_becomes_a_trace() -> None:
    sure, open_one = "yes 0.75 0.25", "no 0.25 0.25"
    embedder = ScriptedEmbedder()
    out = await Room(embedder, spec=f"text>{SPEC}").sent(sure, open_one)
    assert embedder.texts == [open_one]
    assert [label.id for label in labels(out)] == ["r0"]
    assert [found.features is not None for found in deferrals(out)] == [True]
    embedder = ScriptedEmbedder()
    out = await Room(embedder, spec=f"text>{SPEC}", audit_rate=1.0).sent(sure, open_one)
    assert sorted(embedder.texts) == [open_one, sure]
    assert [(found.audit, found.features is not None) for found in deferrals(out)] == [
        (True, True),
        (False, True),
    ]


async def test_before_the_first_policy_vectors_are_made_for_the_traces() -> None:
    out = await Room(ScriptedEmbedder(), policy=False).sent("yes 0.75 0.25")
    (found,) = deferrals(out)
    assert (found.reason, found.encoder) == (Reason.NO_POLICY, "scripted:1")
    assert found.features is not None


async def test_without_its_encoder_a_task_defers_everything_and_others_go_on() -> None:
    room = Room()
    (found,) = deferrals(await room.sent("yes 0.75 0.25"))
    assert (found.reason, found.features, found.encoder) == (Reason.NO_POLICY, None, None)
    assert len(labels(await room.sent("yes 0.75 0.25", task="text"))) == 1


async def test_an_encoder_that_fails_is_closed_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    embedder = ScriptedEmbedder()
    room = Room(embedder)
    first = deferrals(await room.sent("yes 0.75 0.25", "broken", "yes 0.75 0.25"))
    assert [(found.reason, found.features) for found in first] == [(Reason.UNCERTIFIED, None)] * 3
    (later,) = deferrals(await room.sent("yes 0.75 0.25"))
    assert later.reason == Reason.NO_POLICY
    assert len(embedder.texts) == 3, "it is not asked again"
    (told,) = caplog.messages
    assert told == "3 requests of task t are deferred: scripted:1: no"


class Slow(ScriptedEmbedder):
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(0.2)
        return super().embed(texts)


async def test_an_encoder_that_takes_too_long_defers_as_one_that_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoded_batch, "LIMIT", 0.01)
    room = Room(Slow())
    (found,) = deferrals(await room.sent("yes 0.75 0.25"))
    assert (found.reason, found.features) == (Reason.UNCERTIFIED, None)
    assert "made no vectors of 1 texts" in caplog.text
    assert room.live.task("t").embedder is None


async def test_texts_that_there_is_no_time_for_are_deferred_and_the_encoder_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoded_batch, "LAST_START", 0.1)
    room = Room(Slow())
    out = await room.sent(*["yes 0.75 0.25"] * 100)
    assert len(labels(out)) == encoded_batch.FIRST_PART
    rest = deferrals(out)
    assert {(found.reason, found.features, found.guess) for found in rest} == {
        (Reason.UNCERTIFIED, None, None)
    }
    assert len(rest) == 100 - encoded_batch.FIRST_PART
    assert "had no time for 68 of 100 texts" in caplog.text
    assert room.live.task("t").embedder is not None


async def test_a_text_that_the_encoder_refuses_is_deferred_alone(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(ScriptedEmbedder())
    out = await room.sent(*["yes 0.75 0.25"] * 20, "refused", *["yes 0.75 0.25"] * 20)
    assert len(labels(out)) == 40
    assert [(found.request.id, found.reason) for found in deferrals(out)] == [("r20", Reason.UNCERTIFIED)]
    assert caplog.messages == ["scripted:1 refuses 1 of 41 texts: they are deferred"]
    assert room.live.task("t").embedder is not None


async def test_an_encoder_that_refuses_everything_has_failed() -> None:
    room = Room(ScriptedEmbedder())
    out = await room.sent(*["refused"] * 40)
    assert {found.reason for found in deferrals(out)} == {Reason.UNCERTIFIED}
    assert room.live.task("t").embedder is None


async def test_many_texts_have_the_verdicts_and_vectors_that_each_has_alone() -> None:
    texts = [f"yes {0.5 + number / 1024} 0.25" for number in range(300)]
    room = Room(ScriptedEmbedder())
    together = await room.sent(*texts)
    found = {label.id for label in labels(together)}
    assert found == {f"r{number}" for number in range(300) if 0.5 + number / 1024 >= 0.7}
    for deferral in deferrals(together):
        score = float(texts[int(deferral.request.id[1:])].split()[1])
        assert np.frombuffer(deferral.features or b"", "<f4")[1] == score


class Pausing(ScriptedEmbedder):
    """While it is at work for the first time, the operator pauses its task."""

    live: Tasks

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.live.configure("t", {"embedder": SPEC, "paused": True})
        return super().embed(texts)


async def test_what_has_changed_while_texts_were_encoded_holds_for_them_too() -> None:
    embedder = Pausing()
    room = Room(embedder)
    embedder.live = room.live
    out = await room.sent("yes 0.75 0.25", None)
    assert [(found.reason, found.encoder) for found in deferrals(out)] == [(Reason.OPERATOR, "scripted:1")]
    assert len(out) == 2, "the request without a text is one dead letter"
