"""A gateway answers an easy text at once, whatever hangs, and a hard one when its vector is made."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.features import Embed, Features
from models.policy import Policy, Scores
from schemas.config import parse_override
from schemas.messages import Reason, Request
from streams.encoder_spec import EncoderSpec
from streams.errors import DecisionFailed
from streams.gateway.batcher import RequestBatcher
from streams.routing import encoder_queue
from streams.routing.conclusion import Routed
from streams.routing.decisions import Decision
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.request_router import RequestRouter
from streams.sampling import Sampler
from streams.spending.encoder_use import EncoderUse
from streams.tasks import Task, Tasks
from streams.versions.breaker_state import Breaker, Safeguards
from tests.streams.fakes import ScriptedEmbedder, ScriptedPolicy
from tests.streams.roles.encoding_room import Held, happens
from tests.streams.tiers import (
    BY_FIRST,
    BY_NOBODY,
    BY_SECOND,
    BY_TEXT,
    FIRST,
    SECOND,
    TIERS,
    TieredPolicy,
    TierEmbedder,
)

SPEC = "model2vec:/m"
EASY, HARD = "yes 0.75 0.25", "no 0.25 0.25"
STOP = Safeguards(Breaker(open=True, since=1, reason="an alarm"))

Call = asyncio.Task[Any]


class BatchedTask:
    """Task `t`, whose texts are encoded, beside `text`, whose texts are not.

    Attributes:
        counted: reasons of the decisions.
        traffic: what the watch for drift counts, call by call.
    """

    def __init__(
        self,
        policy: Policy,
        encoders: Mapping[str, ScriptedEmbedder | TierEmbedder],
        audit_rate: float = 0.0,
        most: int = 64,
        longest_inline: int | None = None,
    ) -> None:
        self.tasks = Tasks()
        self.tasks.configure("*", parse_override(msgspec.json.encode({"audit_rate": audit_rate})))
        self.configure(embedder=policy.manifest.embedder)
        self.tasks.set_policy("t", policy)
        self.tasks.set_policy("text", ScriptedPolicy())
        for spec, embedder in encoders.items():
            self.tasks.set_encoder(EncoderSpec(spec), embedder)
        self.counted: Counter[Reason] = Counter()
        self.traffic: list[list[Reason]] = []
        self.uses: list[EncoderUse] = []
        sampler = Sampler(b"key")
        self.encoders = EncoderQueues(sampler, lambda _task, _encoder, use: self.uses.append(use))
        router = RequestRouter(
            self.tasks, sampler, self._count, longest_inline, count_traffic=self._count_traffic
        )
        self._batcher = RequestBatcher(router, most, self.encoders)
        self._asked = 0

    def configure(self, **config: Any) -> None:
        self.tasks.configure("t", parse_override(msgspec.json.encode(config)))

    def ask(self, *texts: str, task: str = "t") -> list[Call]:
        """Requests that come together."""
        requests = [Request(f"r{self._asked + at}", task, text) for at, text in enumerate(texts)]
        self._asked += len(texts)
        return [asyncio.create_task(self._batcher.decide(request, 1000)) for request in requests]

    def _count(self, _: Task, decisions: Sequence[Decision], _now: int) -> None:
        self.counted.update(one.reason for one in decisions)

    def _count_traffic(self, _: Task, decisions: Sequence[Decision], _now: int) -> None:
        self.traffic.append([one.reason for one in decisions])


def one_encoder(
    embedder: ScriptedEmbedder, spec: str = f"text>{SPEC}", audit_rate: float = 0.0, most: int = 64
) -> BatchedTask:
    policy = ScriptedPolicy(embedder=spec, dimension=3, encoder=embedder.id)
    return BatchedTask(policy, {SPEC: embedder}, audit_rate, most)


def two_encoders(first: TierEmbedder, second: TierEmbedder, audit_rate: float = 0.0) -> BatchedTask:
    return BatchedTask(TieredPolicy(), {FIRST: first, SECOND: second}, audit_rate)


async def results(calls: Sequence[Call]) -> list[Routed[Any]]:
    return await asyncio.wait_for(asyncio.gather(*calls), 20.0)


def outcome(routed: Routed[Any]) -> str:
    return routed.deferral.reason.value if routed.label is None and routed.deferral else "answered"


async def test_an_easy_text_waits_for_no_neighbour() -> None:
    embedder = Held()
    desk = one_encoder(embedder, most=2)
    easy, hard, *others = desk.ask(EASY, HARD, EASY, EASY, HARD)
    assert [outcome(one) for one in await results([easy, *others[:2]])] == ["answered"] * 3
    (later,) = await results(desk.ask(EASY))
    assert (outcome(later), hard.done(), others[2].done()) == ("answered", False, False)
    embedder.is_released.set()
    found = await results([hard, others[2]])
    assert [(outcome(one), one.deferral and one.deferral.encoder) for one in found] == [
        ("low_score", "scripted:1")
    ] * 2
    assert desk.counted == {Reason.ACCEPTED: 4, Reason.LOW_SCORE: 2}


@pytest.mark.parametrize(("open_breaker", "sampled"), [(False, (False, 0.0)), (True, (True, 1.0))])
async def test_texts_are_all_in_the_sample_only_where_nothing_is_answered(
    open_breaker: bool, sampled: tuple[bool, float]
) -> None:
    desk = one_encoder(ScriptedEmbedder())
    if open_breaker:
        desk.tasks.set_safeguards("t", STOP)
    (found,) = await results(desk.ask(HARD))
    assert found.deferral
    assert (found.deferral.sampled, found.deferral.inclusion) == sampled


async def test_texts_of_later_batches_are_encoded_together() -> None:
    embedder = Held()
    desk = one_encoder(embedder, most=1)
    first = desk.ask(HARD)
    await happens(embedder.is_asked.is_set)
    others = desk.ask(*[HARD] * 5)
    await results(desk.ask(EASY))
    embedder.is_released.set()
    await results([*first, *others])
    assert [use.texts for use in desk.uses] == [1, 5]


async def test_the_watch_for_drift_counts_easy_texts_with_hard_ones() -> None:
    embedder = Held()
    desk = one_encoder(embedder)
    easy, hard = desk.ask(EASY, HARD)
    await results([easy])
    assert desk.traffic == []
    embedder.is_released.set()
    await results([hard])
    assert desk.traffic == [[Reason.LOW_SCORE, Reason.ACCEPTED]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda desk: desk.tasks.set_safeguards("t", STOP), "breaker_open"),
        (lambda desk: desk.configure(embedder=TIERS, paused=True), "operator"),
        (lambda desk: desk.tasks.set_policy("t", TieredPolicy("v2")), "breaker_open"),
        (lambda desk: desk.configure(embedder=f"text>{FIRST}"), "breaker_open"),
    ],
)
async def test_what_changes_meanwhile_defers_what_waits(
    change: Callable[[BatchedTask], None], reason: str
) -> None:
    first = TierEmbedder(1)
    first.free.clear()
    desk = two_encoders(first, TierEmbedder(2))
    easy, hard = desk.ask(BY_TEXT, BY_FIRST)
    assert outcome(*await results([easy])) == "answered"
    await happens(lambda: bool(first.texts))
    change(desk)
    first.free.set()
    assert outcome(*await results([hard])) == reason


class SlowlyScored(TieredPolicy):
    """Its texts take until `is_free` to be scored."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.is_free = threading.Event(), threading.Event()

    def score_early(
        self, features: Features, parts: int = 0, embed: Embed | None = None
    ) -> tuple[Scores, NDArray[np.bool_]]:
        self.is_asked.set()
        assert self.is_free.wait(20)
        return super().score_early(features, parts, embed)


async def test_long_texts_are_scored_beside_others_and_answered_only_if_that_holds() -> None:
    policy = SlowlyScored()
    desk = BatchedTask(policy, {FIRST: TierEmbedder(1), SECOND: TierEmbedder(2)}, longest_inline=0)
    (call,) = desk.ask(BY_TEXT)
    await happens(policy.is_asked.is_set)
    assert outcome(*await results(desk.ask("yes 0.9 0.1", task="text"))) == "answered"
    desk.tasks.set_safeguards("t", STOP)
    policy.is_free.set()
    assert outcome(*await results([call])) == "breaker_open"


class FailingOnOne(SlowlyScored):
    """Fails by a defect on texts of which one says so; alone it fails as late as it may."""

    def score_early(
        self, features: Features, parts: int = 0, embed: Embed | None = None
    ) -> tuple[Scores, NDArray[np.bool_]]:
        texts = features.texts or ()
        if "defect" not in texts:
            return TieredPolicy.score_early(self, features, parts, embed)
        if len(texts) == 1:
            self.is_asked.set()
            assert self.is_free.wait(20)
        raise ValueError("a defect")


async def test_an_answer_that_came_before_a_failure_is_given_only_if_it_holds_after_it() -> None:
    policy = FailingOnOne()
    desk = BatchedTask(policy, {FIRST: TierEmbedder(1), SECOND: TierEmbedder(2)}, longest_inline=0)
    call, defect = desk.ask(BY_TEXT, "defect")
    await happens(policy.is_asked.is_set)
    desk.tasks.set_safeguards("t", STOP)
    policy.is_free.set()
    assert outcome(*await results([call])) == "breaker_open"
    with pytest.raises(DecisionFailed):
        await asyncio.wait_for(defect, 20.0)


@pytest.mark.parametrize("text", [BY_TEXT, BY_FIRST])
@pytest.mark.parametrize("fails", [True, False])
async def test_an_audited_answer_is_given_only_while_it_holds(text: str, fails: bool) -> None:
    second = TierEmbedder(2)
    second.free.clear()
    second.fails = fails
    desk = two_encoders(TierEmbedder(1), second, audit_rate=1.0)
    (call,) = desk.ask(text)
    await happens(lambda: bool(second.texts))
    desk.tasks.set_safeguards("t", STOP)
    second.free.set()
    (found,) = await results([call])
    assert (found.label, outcome(found)) == (None, "breaker_open")


async def test_an_audited_answer_comes_with_its_check() -> None:
    embedder = Held()
    desk = one_encoder(embedder, audit_rate=1.0)
    (call,) = desk.ask(EASY)
    await happens(embedder.is_asked.is_set)
    assert not call.done()
    embedder.is_released.set()
    (found,) = await results([call])
    assert found.label is not None
    assert found.deferral is not None
    assert (found.label.label, found.label.audited, found.deferral.audit) == ("yes", True, True)
    assert found.deferral.features is not None
    assert desk.uses[0].answered == 0, "the text has answered it"
    assert desk.counted == {Reason.ACCEPTED: 1}


async def test_answers_whose_encoder_hangs_are_audited_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Held()
    desk = one_encoder(embedder, audit_rate=1.0)
    calls = desk.ask(EASY, HARD)
    await happens(embedder.is_asked.is_set)
    monkeypatch.setattr(encoder_queue, "LONGEST_PART", -1.0)
    desk.encoders.look()
    easy, hard = await results(calls)
    assert (outcome(easy), easy.deferral and easy.deferral.audit) == ("answered", True)
    assert (hard.label, hard.deferral and hard.deferral.audit) == (None, False)
    assert [one.deferral and one.deferral.features for one in (easy, hard)] == [None, None]
    assert outcome(*await results(desk.ask(HARD))) == "no_policy", "no second call is made"
    embedder.is_released.set()


async def test_what_waits_for_too_long_is_decided_without_a_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Held()
    desk = one_encoder(embedder, most=1)
    working = desk.ask(HARD)
    await happens(embedder.is_asked.is_set)
    late = desk.ask(*[HARD] * 9)
    await results(desk.ask(EASY))
    monkeypatch.setattr(encoder_queue, "LONGEST_WAIT", -1.0)
    desk.encoders.look()
    assert {(outcome(one), one.deferral and one.deferral.features) for one in await results(late)} == {
        ("uncertified", None)
    }
    assert not working[0].done()
    embedder.is_released.set()
    await results(working)
    assert embedder.texts == [HARD]


async def test_a_thread_that_does_not_start_stops_an_encoder_for_this_call_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embedder = ScriptedEmbedder()
    desk = one_encoder(embedder)
    with monkeypatch.context() as exhausted:
        exhausted.setattr(encoder_queue, "run_in_daemon", _no_thread)
        assert [outcome(one) for one in await results(desk.ask(HARD, EASY))] == ["no_policy", "answered"]
    desk.tasks.set_encoder(EncoderSpec(SPEC), embedder)
    (found,) = await results(desk.ask(HARD))
    assert (outcome(found), found.deferral and found.deferral.encoder) == ("low_score", "scripted:1")


def _no_thread(*_: Any) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_text_waits_for_as_many_encoders_as_it_needs(fails: bool) -> None:
    second = TierEmbedder(2)
    second.fails = fails
    desk = two_encoders(TierEmbedder(1), second)
    found = await results(desk.ask(BY_TEXT, BY_FIRST, BY_SECOND, BY_NOBODY))
    assert [one.label is not None for one in found] == [True, True, not fails, False]


async def test_no_decision_depends_on_its_neighbours() -> None:
    texts = (BY_TEXT, BY_FIRST, BY_SECOND, BY_NOBODY)
    alone = {}
    for text in texts:
        alone[text] = outcome(*await results(two_encoders(TierEmbedder(1), TierEmbedder(2)).ask(text)))
    desk = two_encoders(TierEmbedder(1), TierEmbedder(2))
    for together in permutations(texts):
        assert [outcome(one) for one in await results(desk.ask(*together))] == list(map(alone.get, together))


async def test_a_hanging_encoder_holds_up_its_own_calls_alone() -> None:
    embedder = Held()
    desk = one_encoder(embedder, SPEC)
    (hanging,) = desk.ask(EASY)
    await happens(embedder.is_asked.is_set)
    assert outcome(*await results(desk.ask(EASY, task="text"))) == "answered"
    assert not hanging.done()
    embedder.is_released.set()
    assert outcome(*await results([hanging])) == "answered"
