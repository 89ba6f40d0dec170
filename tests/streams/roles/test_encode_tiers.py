"""Several encoders of a task: each is asked for what those before it leave open, and stops none of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from schemas.config import parse_override
from schemas.messages import Reason, Request
from streams.encoder_spec import EncoderSpec
from streams.kafka.batch import Outgoing
from streams.routing import encoder_queue
from streams.tasks import CandidatePolicy
from streams.versions.breaker_state import Breaker, Safeguards
from tests.streams.fakes import deferrals, labels
from tests.streams.roles.encoding_room import SPEC, Room, happens
from tests.streams.tiers import (
    BY_FIRST,
    BY_NOBODY,
    BY_SECOND,
    BY_TEXT,
    ENCODER,
    SECOND,
    TIERS,
    TieredPolicy,
    TierEmbedder,
)

STOP = Safeguards(Breaker(open=True, since=1, reason="an alarm"))


class TieredRoom(Room):
    """Both encoders are open, unless one is left out."""

    def __init__(
        self,
        first: TierEmbedder | None = None,
        second: TierEmbedder | None = None,
        audit_rate: float = 0.0,
        without: int = 0,
    ) -> None:
        super().__init__(None, TieredPolicy(), TIERS, audit_rate)
        self.first, self.second = first or TierEmbedder(1), second or TierEmbedder(2)
        if without != 1:
            self.tasks.set_encoder(EncoderSpec(SPEC), self.first)
        if without != 2:
            self.tasks.set_encoder(EncoderSpec(SECOND), self.second)


def answered(out: Sequence[Outgoing]) -> set[str]:
    return {label.id for label in labels(out)}


def reasons_of(out: Sequence[Outgoing]) -> dict[str, Reason]:
    return {found.request.id: found.reason for found in deferrals(out)}


async def test_each_encoder_is_asked_for_what_is_left() -> None:
    room = TieredRoom()
    out = await room.sent(BY_TEXT, BY_FIRST, BY_SECOND, BY_NOBODY)
    assert answered(out) == {"r0", "r1", "r2"}
    assert sorted(room.first.texts) == sorted([BY_FIRST, BY_SECOND, BY_NOBODY])
    assert sorted(room.second.texts) == sorted([BY_SECOND, BY_NOBODY])
    (left,) = deferrals(out)
    assert (left.reason, left.encoder, left.embedder) == (Reason.LOW_SCORE, ENCODER, TIERS)
    assert np.frombuffer(left.features or b"", "<f4").tolist() == [2.0, 1.0, 2.0, 2.0]
    assert room.answers == {"t": 3}
    assert [(use.texts, use.answered) for use in room.uses["scripted:1"]] == [(3, 1)]
    assert [(use.texts, use.answered) for use in room.uses["scripted:2"]] == [(2, 1)]


async def test_what_becomes_a_trace_is_encoded_by_all() -> None:
    room = TieredRoom(audit_rate=1.0)
    out = await room.sent(BY_TEXT, BY_FIRST, BY_SECOND, BY_NOBODY)
    assert answered(out) == {"r0", "r1", "r2"}
    found = {one.request.id: one for one in deferrals(out)}
    assert {name: (one.audit, one.encoder) for name, one in found.items()} == {
        "r0": (True, ENCODER),
        "r1": (True, ENCODER),
        "r2": (True, ENCODER),
        "r3": (False, ENCODER),
    }
    assert {len(one.features or b"") for one in found.values()} == {16}
    assert Counter(room.first.texts) == Counter(room.second.texts), "each once"
    answered_by = {encoder: sum(use.answered for use in uses) for encoder, uses in room.uses.items()}
    assert answered_by == {"scripted:1": 1, "scripted:2": 1}, "what the text answers is nobody's"


async def test_answers_before_a_failed_encoder_stand() -> None:
    room = TieredRoom()
    room.second.fails = True
    out = await room.sent(BY_TEXT, BY_FIRST, BY_SECOND, BY_NOBODY)
    assert answered(out) == {"r0", "r1"}
    assert reasons_of(out) == {"r2": Reason.NO_POLICY, "r3": Reason.NO_POLICY}
    assert {(one.features, one.encoder) for one in deferrals(out)} == {(None, None)}
    task = room.tasks.task("t")
    assert (task.parts, task.embedder, task.live) == ((room.first, None), None, None)
    assert not task.answers_nothing
    asked = len(room.second.texts)
    assert answered(await room.sent(BY_TEXT, BY_FIRST, BY_SECOND)) == {"r0", "r1"}
    assert len(room.second.texts) == asked, "it is closed"


async def test_audits_without_the_last_encoder_have_no_vector() -> None:
    room = TieredRoom(audit_rate=1.0, without=2)
    out = await room.sent(BY_FIRST)
    assert answered(out) == {"r0"}
    (audit,) = deferrals(out)
    assert (audit.audit, audit.sampled, audit.features, audit.encoder) == (True, True, None, None)


async def test_a_stage_behind_a_failed_encoder_decides_nothing() -> None:
    room = TieredRoom(without=1)
    out = await room.sent(BY_TEXT, BY_FIRST, BY_SECOND)
    assert answered(out) == {"r0"}
    assert reasons_of(out) == {"r1": Reason.NO_POLICY, "r2": Reason.NO_POLICY}
    assert room.second.texts == []


async def test_another_first_model_leaves_what_the_text_answers() -> None:
    out = await TieredRoom(first=TierEmbedder(3)).sent(BY_TEXT, BY_FIRST, BY_SECOND)
    assert answered(out) == {"r0"}
    assert reasons_of(out) == {"r1": Reason.NO_POLICY, "r2": Reason.NO_POLICY}
    assert {found.encoder for found in deferrals(out)} == {"scripted:3[2]>scripted:2[2]"}


async def test_another_model_in_the_place_of_one_decides_nothing() -> None:
    room = TieredRoom(second=TierEmbedder(3))
    out = await room.sent(BY_FIRST, BY_SECOND)
    assert answered(out) == {"r0"}
    (deferral,) = deferrals(out)
    assert (deferral.request.id, deferral.reason) == ("r1", Reason.NO_POLICY)
    assert deferral.encoder == "scripted:1[2]>scripted:3[2]", "and is learned from"


@pytest.mark.parametrize("number", [1, 2])
async def test_a_text_that_one_encoder_refuses_is_deferred_alone(number: int) -> None:
    room = TieredRoom()
    out = await room.sent(*[BY_SECOND] * 20, f"yes 2 0.9 refuse{number}", *[BY_FIRST] * 20)
    assert len(answered(out)) == 40
    (deferral,) = deferrals(out)
    assert (deferral.request.id, deferral.features) == ("r20", None)
    assert room.tasks.task("t").live is not None


async def test_a_slow_encoder_holds_up_no_answer_before_it() -> None:
    room = TieredRoom()
    room.second.free.clear()
    _, encodings = await room.routed(
        *(Request(f"r{at}", "t", text) for at, text in enumerate([BY_SECOND] * 9))
    )
    opened, slow = room.open(*encodings)
    room.role.take_in(opened)
    await happens(lambda: bool(room.second.texts))
    assert answered(await room.sent(*[BY_FIRST] * 9)) == {f"r{at}" for at in range(9)}
    assert slow == []
    room.second.free.set()
    await happens(lambda: len(slow) == 9)
    assert len(answered([one for outputs in slow for one in outputs])) == 9


async def test_what_waits_for_the_next_encoder_can_be_withdrawn() -> None:
    room = TieredRoom()
    room.second.free.clear()
    _, encodings = await room.routed(*(Request(f"r{at}", "t", BY_SECOND) for at in range(2)))
    (held, waiting), found = room.open(*encodings)
    room.role.take_in([held])
    await happens(lambda: bool(room.second.texts))
    room.role.take_in([waiting])
    await happens(lambda: len(room.first.texts) == 2 and waiting.is_waiting)
    assert not waiting.withdraw(), "nobody works on it"
    room.second.free.set()
    await happens(lambda: len(found) == 1)
    assert len(room.second.texts) == 1


async def test_an_encoder_that_closes_withdraws_no_answer_before_it() -> None:
    room = TieredRoom()
    room.first._change = lambda: room.tasks.drop_encoder(room.second)
    out = await room.sent(BY_FIRST, BY_SECOND)
    assert answered(out) == {"r0"}
    assert reasons_of(out) == {"r1": Reason.NO_POLICY}


@pytest.mark.parametrize("closes", [True, False])
async def test_what_stops_the_task_withdraws_answers_of_all_stages(closes: bool) -> None:
    room = TieredRoom()
    if closes:
        room.first._change = lambda: room.tasks.drop_encoder(room.first)
    else:
        room.first._change = lambda: room.tasks.set_safeguards("t", STOP)
    out = await room.sent(BY_FIRST)
    assert answered(out) == set()
    assert reasons_of(out) == {"r0": Reason.BREAKER_OPEN}
    assert [found.features for found in deferrals(out)] == [None], "the second vector was not made"


async def test_both_versions_of_a_trial_read_no_more_than_they_need() -> None:
    room = TieredRoom(audit_rate=1.0)
    room.tasks.set_candidate("t", CandidatePolicy(TieredPolicy("v2"), 0.5))
    out = await room.sent(BY_FIRST, BY_SECOND, BY_NOBODY)
    assert answered(out) == {"r0", "r1"}
    assert {label.policy for label in labels(out)} <= {"v1", "v2"}
    shadows = {one.request.id: one.shadow.policy if one.shadow else None for one in deferrals(out)}
    assert shadows == {"r0": "v2", "r1": "v2", "r2": None}
    room = TieredRoom()
    room.tasks.set_candidate("t", CandidatePolicy(TieredPolicy("v2"), 0.0))
    assert answered(await room.sent(BY_TEXT, BY_FIRST)) == {"r0", "r1"}
    assert (room.first.texts, room.second.texts) == ([BY_FIRST], [])


async def test_a_config_that_changes_between_two_encoders_decides_without_vectors() -> None:
    room = TieredRoom()
    other = msgspec.json.encode({"embedder": f"text>{SECOND}>{SPEC}"})
    room.first._change = lambda: room.tasks.configure("t", parse_override(other))
    out = await room.sent(BY_SECOND)
    (deferral,) = deferrals(out)
    assert (deferral.reason, deferral.features) == (Reason.NO_POLICY, None)


async def test_the_last_encoder_waits_for_its_turn_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_queue, "LONGEST_WAIT", 0.1)
    monkeypatch.setattr(encoder_queue, "LONGEST_PART", 0.2)
    room = TieredRoom()
    room.second.free.clear()
    out = await room.sent(*[BY_SECOND] * 40, *[BY_FIRST] * 3)
    assert answered(out) == {"r40", "r41", "r42"}
    assert len(deferrals(out)) == 40
    await asyncio.sleep(0)
    assert room.tasks.task("t").parts == (room.first, None)
    room.second.free.set()


@pytest.mark.parametrize("second_fails", [True, False])
async def test_what_stops_the_task_withdraws_answers_that_wait_for_their_vector(second_fails: bool) -> None:
    room = TieredRoom(audit_rate=1.0)
    room.second.free.clear()
    room.second.fails = second_fails
    _, encodings = await room.routed(*(Request(f"r{at}", "t", BY_FIRST) for at in range(2)))
    (held, waiting), found = room.open(*encodings)
    room.role.take_in([held])
    await happens(lambda: bool(room.second.texts))
    room.role.take_in([waiting])
    await happens(lambda: len(room.first.texts) == 2 and waiting.is_waiting)
    room.tasks.set_safeguards("t", STOP)
    room.second.free.set()
    await happens(lambda: len(found) == 2)
    out = [one for outputs in found for one in outputs]
    assert answered(out) == set()
    assert set(reasons_of(out).values()) == {Reason.BREAKER_OPEN}


async def test_vectors_of_another_length_are_not_joined() -> None:
    """A server may come back with another model under the name that it had."""
    room, other = TieredRoom(), TierEmbedder(1)
    other.dimension = 5
    room.first._change = lambda: room.tasks.set_encoder(EncoderSpec(SPEC), other)
    out = await room.sent(BY_SECOND)
    (deferral,) = deferrals(out)
    assert (deferral.reason, deferral.features) == (Reason.NO_POLICY, None)
    assert room.second.texts == []
