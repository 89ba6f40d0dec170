"""An encoder makes a vector of each text once, for all who need it; one that fails answers nothing."""

import time
from collections.abc import Callable, Sequence
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
from streams.versions.breaker_state import Breaker, Safeguards
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
        self.tasks = Tasks()
        self.tasks.configure("*", parse_override(msgspec.json.encode({"audit_rate": audit_rate})))
        self.tasks.configure("t", parse_override(msgspec.json.encode({"embedder": spec})))
        self.tasks.set_policy("text", ScriptedPolicy())
        if policy:
            given: dict[str, Any] = {"embedder": spec, "dimension": 3, "encoder": "scripted:1"}
            self.tasks.set_policy("t", ScriptedPolicy(**given))
        if embedder is not None:
            self.tasks.set_encoder(EncoderSpec(SPEC), embedder)
        self._router = RouteRole(self.tasks, TOPICS, Sampler(b"key"))

    async def sent(self, *texts: str | None, task: str = "t") -> list[Outgoing]:
        return await self.send(
            *(Request(f"r{at}", task, text, embedding=[1.0]) for at, text in enumerate(texts))
        )

    async def send(self, *requests: Request) -> list[Outgoing]:
        return await self._router.route_batch([message(request) for request in requests], 2000)


async def test_vectors_are_made_once_and_deferred_too() -> None:
    embedder = ScriptedEmbedder()
    out = await Room(embedder).sent("yes 0.75 0.25", "no 0.25 0.25", None)
    assert embedder.texts == ["yes 0.75 0.25", "no 0.25 0.25"]
    assert [(label.label, label.reason) for label in labels(out)] == [("yes", Reason.ACCEPTED)]
    (found,) = deferrals(out)
    assert (found.reason, found.embedder, found.encoder) == (Reason.LOW_SCORE, SPEC, "scripted:1")
    assert found.features is not None
    assert np.frombuffer(found.features, "<f4").tolist() == [0.0, 0.25, 0.25]
    assert reasons(out) == ["text: task t is classified by its text"]


async def test_a_cascade_encodes_what_becomes_a_trace() -> None:
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


async def test_vectors_are_made_before_a_first_policy() -> None:
    out = await Room(ScriptedEmbedder(), policy=False).sent("yes 0.75 0.25")
    (found,) = deferrals(out)
    assert (found.reason, found.encoder) == (Reason.NO_POLICY, "scripted:1")
    assert found.features is not None


async def test_a_task_without_its_encoder_defers() -> None:
    room = Room()
    (found,) = deferrals(await room.sent("yes 0.75 0.25"))
    assert (found.reason, found.features, found.encoder) == (Reason.NO_POLICY, None, None)
    assert len(labels(await room.sent("yes 0.75 0.25", task="text"))) == 1


async def test_a_failed_encoder_is_closed_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    embedder = ScriptedEmbedder()
    room = Room(embedder)
    first = deferrals(await room.sent("yes 0.75 0.25", "broken", "yes 0.75 0.25"))
    assert [(found.reason, found.features) for found in first] == [(Reason.UNCERTIFIED, None)] * 3
    (later,) = deferrals(await room.sent("yes 0.75 0.25"))
    assert later.reason == Reason.NO_POLICY
    assert len(embedder.texts) == 3, "it is not asked again"
    (told,) = caplog.messages
    assert told == "encoder failed, requests deferred: scripted:1: no, task=t requests=3"


class Slow(ScriptedEmbedder):
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(0.2)
        return super().embed(texts)


async def test_a_slow_encoder_is_a_failed_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoded_batch, "LIMIT", 0.01)
    room = Room(Slow())
    (found,) = deferrals(await room.sent("yes 0.75 0.25"))
    assert (found.reason, found.features) == (Reason.UNCERTIFIED, None)
    assert "made no vectors of 1 texts" in caplog.text
    assert room.tasks.task("t").embedder is None


async def test_texts_without_time_are_deferred(
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
    assert "ran out of time, texts are deferred: encoder=scripted:1 deferred=68 texts=100" in caplog.text
    assert room.tasks.task("t").embedder is not None


async def test_a_refused_text_is_deferred_alone(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(ScriptedEmbedder())
    out = await room.sent(*["yes 0.75 0.25"] * 20, "refused", *["yes 0.75 0.25"] * 20)
    assert len(labels(out)) == 40
    assert [(found.request.id, found.reason) for found in deferrals(out)] == [("r20", Reason.UNCERTIFIED)]
    assert caplog.messages == [
        "encoder refused texts, they are deferred: encoder=scripted:1 refused=1 texts=41"
    ]
    assert room.tasks.task("t").embedder is not None


async def test_an_encoder_refusing_all_has_failed() -> None:
    room = Room(ScriptedEmbedder())
    out = await room.sent(*["refused"] * 40)
    assert {found.reason for found in deferrals(out)} == {Reason.UNCERTIFIED}
    assert room.tasks.task("t").embedder is None


async def test_decisions_do_not_depend_on_neighbours() -> None:
    texts = [f"yes {0.5 + number / 1024} 0.25" for number in range(300)]
    room = Room(ScriptedEmbedder())
    together = await room.sent(*texts)
    found = {label.id for label in labels(together)}
    assert found == {f"r{number}" for number in range(300) if 0.5 + number / 1024 >= 0.7}
    for deferral in deferrals(together):
        score = float(texts[int(deferral.request.id[1:])].split()[1])
        assert np.frombuffer(deferral.features or b"", "<f4")[1] == score


class Interrupted(ScriptedEmbedder):
    """While it encodes for the first time, something changes."""

    def __init__(self, change: Callable[[], None]) -> None:
        super().__init__()
        self._change = change

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._change()
        return super().embed(texts)


async def interrupted(change: Callable[[Tasks], None], **given: Any) -> tuple[Interrupted, list[Outgoing]]:
    """Decisions on an acceptable, an unsure and a textless request when the task changes meanwhile."""
    room = Room(**given)
    embedder = Interrupted(lambda: change(room.tasks))
    room.tasks.set_encoder(EncoderSpec(SPEC), embedder)
    return embedder, await room.sent("yes 0.75 0.25", "no 0.25 0.25", None)


async def test_a_breaker_opened_while_encoding_defers() -> None:
    stop = Safeguards(Breaker(open=True, since=1, reason="an alarm"))
    embedder, out = await interrupted(lambda tasks: tasks.set_safeguards("t", stop))
    assert [(found.reason, found.encoder) for found in deferrals(out)] == [
        (Reason.BREAKER_OPEN, "scripted:1"),
        (Reason.LOW_SCORE, "scripted:1"),
    ]
    assert len(out) == 3, "the request without a text is one dead letter"
    assert len(embedder.texts) == 2, "nothing is encoded twice"


async def test_a_pause_while_encoding_defers() -> None:
    paused = {"embedder": SPEC, "paused": True}
    _, out = await interrupted(lambda tasks: tasks.configure("t", paused))
    assert [found.reason for found in deferrals(out)] == [Reason.OPERATOR, Reason.LOW_SCORE]


async def test_a_withdrawn_answer_is_no_audit() -> None:
    stop = Safeguards(Breaker(open=True, since=1, reason="an alarm"))
    _, out = await interrupted(lambda tasks: tasks.set_safeguards("t", stop), audit_rate=1.0)
    assert labels(out) == []
    assert [(found.audit, found.sampled) for found in deferrals(out)] == [(False, True)] * 2


async def test_a_new_certificate_withdraws_nothing() -> None:
    _, out = await interrupted(lambda tasks: tasks.set_certified("t", "v1"))
    assert [label.id for label in labels(out)] == ["r0"]


async def test_a_breaker_opened_for_another_task_holds() -> None:
    room = Room()
    stop = Safeguards(Breaker(open=True, since=1, reason="an alarm"))
    embedder = Interrupted(lambda: room.tasks.set_safeguards("text", stop))
    room.tasks.set_encoder(EncoderSpec(SPEC), embedder)
    out = await room.send(Request("first", "text", "yes 0.75 0.25"), Request("slow", "t", "yes 0.75 0.25"))
    assert [label.id for label in labels(out)] == ["slow"]
    assert [(found.request.id, found.reason) for found in deferrals(out)] == [("first", Reason.BREAKER_OPEN)]
