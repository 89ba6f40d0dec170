"""A process with encoders of its own decides texts by their vectors, and waits for no other task's."""

import asyncio
from typing import Any

import msgspec
import pytest

from schemas.config import parse_override
from schemas.messages import Reason, Request
from streams.drift.windows import ScoreWindows
from streams.encoder_spec import EncoderSpec
from streams.routing import encoder_queue
from streams.routing.conclusion import Arrival
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.request_router import RequestRouter
from streams.sampling import Sampler
from streams.tasks import Tasks
from tests.streams.fakes import ScriptedEmbedder, ScriptedPolicy
from tests.streams.roles.encoding_room import Held
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


def arrivals(*texts: str, task: str = "t") -> list[Arrival[None]]:
    return [Arrival(Request(f"{task}{at}", task, text), 1000, None) for at, text in enumerate(texts)]


def tasks_with(embedder: ScriptedEmbedder, spec: str, audit_rate: float = 0.0) -> Tasks:
    tasks = Tasks()
    given: dict[str, Any] = {"embedder": spec, "dimension": 3, "encoder": embedder.id}
    tasks.configure("*", parse_override(msgspec.json.encode({"audit_rate": audit_rate})))
    tasks.configure("t", parse_override(msgspec.json.encode({"embedder": spec})))
    tasks.set_policy("t", ScriptedPolicy(**given))
    tasks.set_policy("text", ScriptedPolicy())
    tasks.set_encoder(EncoderSpec(SPEC), embedder)
    return tasks


def router_of(tasks: Tasks) -> tuple[RequestRouter, EncoderQueues]:
    sampler = Sampler(b"key")
    encoders = EncoderQueues(sampler)
    return RequestRouter(tasks, sampler, ScoreWindows().count, encoders=encoders), encoders


async def test_texts_are_decided_by_their_vectors() -> None:
    router, _ = router_of(tasks_with(ScriptedEmbedder(), SPEC))
    batch = await router.route(arrivals("yes 0.75 0.25", "no 0.25 0.25"), 2000)
    assert [one.label.label for one in batch.routed if one.label] == ["yes"]
    (deferral,) = [one.deferral for one in batch.routed if one.deferral]
    assert (deferral.reason, deferral.encoder) == (Reason.LOW_SCORE, "scripted:1")


@pytest.mark.parametrize("fails", [False, True])
async def test_texts_of_one_batch_wait_for_as_many_encoders_as_each_needs(fails: bool) -> None:
    tasks = Tasks()
    tasks.configure("t", parse_override(msgspec.json.encode({"embedder": TIERS, "audit_rate": 0.0})))
    tasks.set_policy("t", TieredPolicy())
    second = TierEmbedder(2)
    second.fails = fails
    tasks.set_encoder(EncoderSpec(FIRST), TierEmbedder(1))
    tasks.set_encoder(EncoderSpec(SECOND), second)
    router, _ = router_of(tasks)
    batch = await router.route(arrivals(BY_TEXT, BY_FIRST, BY_SECOND, BY_NOBODY), 2000)
    found = {one.arrival.request.id: one.label is not None for one in batch.routed}
    assert found == {"t0": True, "t1": True, "t2": not fails, "t3": False}


async def test_answers_without_an_encoder_are_audited_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoder_queue, "LONGEST_PART", 0.05)
    router, encoders = router_of(tasks_with(Held(), f"text>{SPEC}", audit_rate=1.0))
    await encoders.start()
    batch = await router.route(arrivals("yes 0.75 0.25", "no 0.25 0.25"), 2000)
    found = {one.arrival.request.id: one for one in batch.routed}
    assert found["t0"].label is not None
    checks = [one.deferral and (one.deferral.audit, one.deferral.features) for one in found.values()]
    assert checks == [(True, None), (False, None)]
    await encoders.stop()


async def test_a_hanging_encoder_holds_up_its_own_calls_alone() -> None:
    embedder = Held()
    router, _ = router_of(tasks_with(embedder, SPEC))
    hanging = asyncio.create_task(router.route(arrivals("yes 0.75 0.25"), 2000))
    await asyncio.sleep(0)
    batch = await router.route(arrivals("yes 0.75 0.25", task="text"), 2000)
    assert (batch.routed[0].label is not None, hanging.done()) == (True, False)
    embedder.is_released.set()
    assert len((await hanging).routed) == 1
