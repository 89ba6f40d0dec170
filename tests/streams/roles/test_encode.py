"""An encoder makes a vector of each text once, for all who need it; one that fails answers nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.embedders.vector_cache import CachedEmbedder
from models.features import Embed, Features
from models.policy import Scores
from schemas.config import parse_override
from schemas.messages import Encoding, Reason, Request
from streams.drift.windows import ScoreWindows
from streams.encoder_spec import EncoderSpec
from streams.kafka.batch import Outgoing
from streams.routing import encoder_queue
from streams.routing.conclusion import Routed
from streams.routing.decisions import Decision
from streams.routing.encoder_pace import FIRST_PART
from streams.routing.outputs import RoutedTopics
from streams.tasks import Tasks
from streams.versions.breaker_state import Breaker, Safeguards
from tests.streams.fakes import TOPICS, ScriptedEmbedder, ScriptedPolicy, deferrals, labels, reasons
from tests.streams.roles.encoding_room import SPEC, Held, Room, happens


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
    assert sorted((found.audit, found.features is not None) for found in deferrals(out)) == [
        (False, True),
        (True, True),
    ]


class CallCounter(ScriptedEmbedder):
    """Keeps how many texts each call had."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(len(texts))
        return super().embed(texts)


async def test_checks_and_open_texts_are_one_call_of_the_encoder() -> None:
    embedder = CallCounter()
    out = await Room(embedder, spec=f"text>{SPEC}", audit_rate=1.0).sent(SURE, "no 0.25 0.25", SURE)
    assert len(deferrals(out)) == 3
    assert embedder.calls == [3]


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
    assert [(found.reason, found.features) for found in first] == [(Reason.NO_POLICY, None)] * 3
    (later,) = deferrals(await room.sent("yes 0.75 0.25"))
    assert later.reason == Reason.NO_POLICY
    assert len(embedder.texts) == 3, "it is not asked again"
    (told,) = caplog.messages
    assert told.startswith("encoder failed, requests decided without vectors: scripted:1: no, encoder=")
    assert told.endswith("task=t requests=3")


SURE = "yes 0.75 0.25"


async def test_a_hanging_encoder_is_called_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoder_queue, "LONGEST_PART", 0.05)
    embedder = Held()
    room = Room(embedder)
    first = deferrals(await room.sent(SURE))
    assert "no vectors of 1 texts within" in caplog.text
    assert room.tasks.task("t").embedder is None
    another = ScriptedEmbedder()
    room.tasks.set_encoder(EncoderSpec(SPEC), another)
    second = deferrals(await room.sent(SURE))
    assert [(found.reason, found.features) for found in first] == [(Reason.NO_POLICY, None)]
    assert [(found.reason, found.features) for found in second] == [(Reason.UNCERTIFIED, None)]
    assert another.texts == [], "no second thread is put beside the one that hangs"
    embedder.is_released.set()
    await happens(lambda: "is free again" in caplog.text)
    assert len(labels(await room.sent(SURE))) == 1
    assert another.texts == [SURE]


async def test_a_text_waits_for_its_turn_so_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoder_queue, "LONGEST_WAIT", 0.1)
    embedder = Held()
    room = Room(embedder)
    _, encodings = await room.routed(*(Request(f"r{at}", "t", SURE) for at in range(100)))
    opened, found = room.open(*encodings)
    room.role.take_in(opened)
    await room.encoders.start()
    await happens(lambda: len(found) == 100 - FIRST_PART)
    late = deferrals([output for outputs in found for output in outputs])
    assert {(one.reason, one.features, one.guess) for one in late} == {(Reason.UNCERTIFIED, None, None)}
    assert "too slow for its texts, they are decided without vectors" in caplog.text
    embedder.is_released.set()
    await happens(lambda: len(found) == 100)
    assert len(labels([output for outputs in found for output in outputs])) == FIRST_PART
    await room.encoders.stop()
    assert room.tasks.task("t").embedder is embedder


class Defective(ScriptedPolicy):
    """Fails, by a defect, on texts among which one is `poison`."""

    def score(self, features: Features, embed: Embed | None = None) -> Scores:
        if "poison" in (features.texts or ()):
            raise ValueError("a defect")
        return super().score(features, embed)


async def test_a_text_that_nobody_can_decide_is_deferred() -> None:
    """Neither its own message nor that of a neighbour may stay open for ever."""
    spec = f"text>{SPEC}"
    room = Room(ScriptedEmbedder(), spec=spec)
    room.tasks.set_policy("t", Defective(embedder=spec, dimension=3, encoder="scripted:1"))
    texts = [Encoding(1000, Request(name, "t", name)) for name in ("poison", SURE)]
    out = await room.encoded(*texts, seconds=2.0)
    assert {found.request.id for found in deferrals(out)} == {"poison", SURE}


async def test_a_defect_without_an_encoder_costs_its_own_message_alone() -> None:
    room = Room()
    room.tasks.set_policy("text", Defective())
    out = await room.encoded(*(Encoding(1000, Request(name, "text", name)) for name in ("poison", SURE)))
    assert [label.id for label in labels(out)] == [SURE]
    assert reasons(out) == ["ValueError: a defect"]


class Panic(BaseException):
    """As PyO3 raises it: no `Exception`."""


class Panicking(ScriptedEmbedder):
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise Panic(len(texts))


async def test_an_encoder_that_panics_has_failed() -> None:
    room = Room(Panicking())
    (found,) = deferrals(await room.sent(SURE))
    assert (found.features, room.tasks.task("t").embedder) == (None, None)


async def test_a_defect_costs_its_own_message_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(ScriptedEmbedder())
    given = RoutedTopics.outputs

    def outputs(topics: RoutedTopics, routed: Routed[Any], *rest: Any) -> list[Outgoing]:
        if routed.arrival.request.id == "r1":
            raise ValueError("a defect")
        return given(topics, routed, *rest)

    _, encodings = await room.routed(*(Request(f"r{at}", "t", SURE) for at in range(5)))
    monkeypatch.setattr(RoutedTopics, "outputs", outputs)
    out = await room.encoded(*encodings)
    assert sorted(label.id for label in labels(out)) == ["r0", "r2", "r3", "r4"]
    assert reasons(out) == ["ValueError: a defect"]
    assert room.answers["t"] == 4


async def test_an_encoder_that_hangs_holds_up_no_other() -> None:
    room = Room(Held())
    room.tasks.configure("quick", parse_override(b'{"embedder": "model2vec:/quick"}'))
    room.tasks.set_encoder(EncoderSpec("model2vec:/quick"), ScriptedEmbedder("scripted:2"))
    _, encodings = await room.routed(*(Request(f"r{at}", "t", SURE) for at in range(100)))
    hanging, _ = room.open(*encodings)
    room.role.take_in(hanging)
    (found,) = deferrals(await room.sent("no 0.25 0.25", task="quick"))
    assert (found.encoder, found.features is not None) == ("scripted:2", True)
    assert all(one.is_waiting or one.is_in_work for one in hanging)


async def test_tasks_of_one_encoder_have_each_text_read_once() -> None:
    embedder = ScriptedEmbedder()
    room = Room()
    room.tasks.configure("u", parse_override(msgspec.json.encode({"embedder": SPEC})))
    room.tasks.set_encoder(EncoderSpec(SPEC), CachedEmbedder(embedder))
    texts = ("yes 0.75 0.25", "no 0.25 0.25", "yes 0.75 0.25")
    assert len(labels(await room.sent(*texts))) == 2
    found = deferrals(await room.sent(*texts, task="u"))
    assert embedder.texts == ["yes 0.75 0.25", "no 0.25 0.25"]
    vectors = [np.frombuffer(one.features or b"", "<f4").tolist() for one in found]
    assert vectors == [[1.0, 0.75, 0.25], [0.0, 0.25, 0.25], [1.0, 0.75, 0.25]]


async def test_what_is_withdrawn_is_not_encoded() -> None:
    embedder = ScriptedEmbedder()
    room = Room(embedder)
    _, encodings = await room.routed(Request("r", "t", SURE))
    opened, found = room.open(*encodings)
    opened[0].withdraw()
    room.role.take_in(opened)
    assert (embedder.texts, found) == ([], [])


async def test_route_answers_what_the_text_alone_answers() -> None:
    spec = f"text>{SPEC}"
    room = Room(None, spec=spec)
    out, encodings = await room.routed(Request("sure", "t", SURE), Request("open", "t", "no 0.25 0.25"))
    assert [(label.id, label.reason) for label in labels(out)] == [("sure", Reason.ACCEPTED)]
    (left,) = encodings
    assert left.request is not None
    assert (left.request.id, left.drawn, left.counted) == ("open", True, True)
    assert [guess.score for guess in left.answered] == [0.75]
    assert room.answers == {"t": 1}


async def test_an_answered_check_is_only_encoded() -> None:
    room = Room(None, spec=f"text>{SPEC}", audit_rate=1.0)
    out, (check,) = await room.routed(Request("sure", "t", SURE))
    assert [label.audited for label in labels(out)] == [True]
    assert (len(out), check.request) == (1, None)
    room.tasks.set_safeguards("t", Safeguards(Breaker(open=True, since=1, reason="an alarm")))
    (without,) = deferrals(await room.encoded(check))
    assert (without.audit, without.sampled, without.features) == (True, True, None)
    room.tasks.set_encoder(EncoderSpec(SPEC), ScriptedEmbedder())
    (audited,) = await room.encoded(check)
    (complete,) = deferrals([audited])
    assert audited.topic == TOPICS.audits
    assert msgspec.structs.replace(complete, features=None, encoder=None) == without
    assert (complete.encoder, complete.features is not None) == ("scripted:1", True)


async def test_without_the_encoder_only_audits_are_sampled() -> None:
    """Else those that the text alone can't answer would be too many in the sample."""
    room = Room(None, spec=f"text>{SPEC}", audit_rate=0.25)
    open_ones = [Request(f"r{at}", "t", "no 0.25 0.25") for at in range(100)]
    _, encodings = await room.routed(*open_ones)
    ours = deferrals(await room.encoded(*encodings))
    assert 5 < sum(one.sampled for one in ours) < 50
    assert {one.inclusion for one in ours} == {0.25}
    room.tasks.drop_policies("t", 1)  # `encode` may know a policy later than `route` does
    assert [one.sampled for one in deferrals(await room.encoded(*encodings))] == [one.sampled for one in ours]


async def test_each_decision_is_counted_once_for_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Decision] = []
    monkeypatch.setattr(ScoreWindows, "count", lambda _, _task, made, _now: counted.extend(made))
    room = Room(ScriptedEmbedder(), spec=f"text>{SPEC}")
    await room.sent(*[SURE] * 30, *["no 0.25 0.25"] * 20)
    assert Counter(one.reason for one in counted) == {Reason.ACCEPTED: 30, Reason.LOW_SCORE: 20}


async def test_an_older_routers_policy_does_not_matter() -> None:
    room = Room(ScriptedEmbedder(), policy=False)
    _, encodings = await room.routed(Request("r", "t", SURE))
    room.tasks.set_policy("t", ScriptedPolicy(embedder=SPEC, dimension=3, encoder="scripted:1"))
    assert [label.label for label in labels(await room.encoded(*encodings))] == ["yes"]


async def test_a_config_without_an_encoder_decides_at_once() -> None:
    room = Room(ScriptedEmbedder())
    _, encodings = await room.routed(Request("r", "t", SURE))
    room.tasks.configure("t", parse_override(b'{"embedder": "text"}'))
    room.tasks.set_policy("t", ScriptedPolicy())
    assert [label.label for label in labels(await room.encoded(*encodings))] == ["yes"]
    room.tasks.configure("t", parse_override(b'{"embedder": "precomputed"}'))
    assert reasons(await room.encoded(*encodings)) == [
        "embedding: task t is classified by vectors that requests bring"
    ]


async def test_a_refused_text_is_deferred_alone(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(ScriptedEmbedder())
    out = await room.sent(*["yes 0.75 0.25"] * 20, "refused", *["yes 0.75 0.25"] * 20)
    assert len(labels(out)) == 40
    assert [(found.request.id, found.reason) for found in deferrals(out)] == [("r20", Reason.UNCERTIFIED)]
    assert caplog.messages == [
        "encoder refused texts, they are decided without vectors: encoder=scripted:1 refused=1 texts=32"
    ]
    assert room.tasks.task("t").embedder is not None


async def test_an_encoder_refusing_all_has_failed() -> None:
    room = Room(ScriptedEmbedder())
    out = await room.sent(*["refused"] * 40)
    assert {found.reason for found in deferrals(out)} == {Reason.NO_POLICY}
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
