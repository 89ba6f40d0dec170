"""The trainer refits what is due, publishes what passes, and hands over when it stops."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Message

from models.manifest import Manifest
from models.policy import Policy
from schemas.battery import BatteryCase
from schemas.config import parse_override
from schemas.events import EventKind
from schemas.messages import Answer, Guess, Reason
from schemas.redis_keys import Keys
from streams.clock import unix_ms
from streams.roles.trainer import Trainer
from streams.state.connection import Connection
from streams.state.lease import Leases
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.state.running_refits import RunningRefit, RunningRefits
from streams.tasks import Tasks
from streams.versions.breaker import after_alarm
from streams.versions.lifecycle import VersionStage
from streams.versions.serving_state import ServingState
from tests.streams.fakes import PublishedEvents, message, trace

NOW = 2**46
"""Later than all that the tests call late, Unix milliseconds."""


class Watched(Registry):
    """Lets a test wait until a trainer has looked."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._looked = asyncio.Event()
        self.counted = asyncio.Event()

    async def serving_state(self, task: str) -> ServingState:
        found = await super().serving_state(task)
        self._looked.set()
        return found

    async def set_certifying_traces(self, task: str, traces: int) -> None:
        await super().set_certifying_traces(task, traces)
        self.counted.set()

    async def looked_twice(self) -> None:
        """The first look may have begun before."""
        for _ in range(2):
            self._looked.clear()
            await asyncio.wait_for(self._looked.wait(), 30)


class Room:
    """A live state, and trainers that share one Redis."""

    def __init__(self, connection: Connection, stack: AsyncExitStack) -> None:
        self.keys = Keys(f"test-{secrets.token_hex(8)}")
        self.live = Tasks()
        self.registry = Watched(connection, self.keys, 5)
        self.refits = RefitQueue(connection, self.keys)
        self._connection = connection
        self._stack = stack

    def configure(self, **fields: Any) -> None:
        self.live.configure("t", parse_override(json.dumps(fields).encode()))

    def running(self) -> RunningRefits:
        return RunningRefits(self._connection, self.keys)

    async def asked_twice(self, asked: int, same: int) -> None:
        """What certify would have found."""
        await self._connection.redis.hset(
            self.keys.teacher("t"), mapping={"asked_again": asked, "said_the_same": same}
        )

    async def taught_since(self, since: int) -> None:
        """What certify would have found of a teacher that is new."""
        await self._connection.redis.hset(self.keys.teacher("t"), mapping={"since": since})

    async def spoil_battery(self) -> None:
        await self._connection.redis.hset(self.keys.battery("t"), mapping={"first": b"not JSON"})

    async def trainer(self, traces: list[Message]) -> tuple[Trainer, PublishedEvents]:
        """One that has read `traces`, and runs."""
        told, lease = PublishedEvents(), 3.0
        name = secrets.token_hex(4)
        leases = Leases(self._connection, self.keys, name, lease)
        refits = RefitQueue(self._connection, self.keys)
        trainer = Trainer(
            self.live, self.registry, leases, refits, told, lease, clock=lambda: NOW, running=self.running()
        )
        trainer.add_traces(traces)
        await trainer.start()
        self._stack.push_async_callback(trainer.stop)
        return trainer, told


@pytest.fixture
async def room(redis_url: str) -> AsyncIterator[Room]:
    connection = Connection(redis_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.aclose)
        yield Room(connection, stack)


def vectors(count: int) -> list[Message]:
    random = np.random.default_rng(5)
    found = []
    for number in range(count):
        numbers = random.normal(scale=0.2, size=4) + np.eye(4)[number % 2]
        given = {"embedder": "precomputed", "features": numbers.astype("<f4").tobytes(), "text": None}
        found.append(message(trace(f"r{number}", ["yes", "no"][number % 2], **given), offset=number))
    return found


def half_unlearnable(count: int, threshold: float | None, at: int) -> list[Message]:
    """Audits of v1, which was right each time; every second vector lies between its label and the other."""
    random = np.random.default_rng(6)
    found = []
    for number in range(count):
        label = ["yes", "no"][number // 2 % 2]
        where = np.eye(4)[number // 2 % 2] if number % 2 else np.eye(4)[:2].sum(axis=0)
        numbers = random.normal(scale=0.1, size=4) + where
        given: dict[str, Any] = {
            "text": None,
            "embedder": "precomputed",
            "features": numbers.astype("<f4").tobytes(),
            "guess": Guess(label, 0.9, 0.1, "v1"),
            "threshold": threshold,
            "audit": True,
            "reason": Reason.AUDIT,
            "replied_at": at,
        }
        found.append(message(trace(f"late{number}", label, **given), offset=1_000 + number))
    return found


async def test_a_standby_takes_over_from_the_leader(room: Room) -> None:
    room.configure(embedder="precomputed")
    broken = trace("broken", embedder="precomputed", features=np.array([np.nan] * 4, "<f4").tobytes())
    again = trace("r1", "yes", embedder="precomputed", first=Answer("no"))
    traces = [message(again), *vectors(300), message(broken), message(b"{}")]
    await room.asked_twice(asked=40, same=38)
    leader, told = await room.trainer(traces)
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.PROMOTED]
    found = await room.registry.fetch("t", "v1")
    assert found is not None
    policy = Policy.open(found.manifest, found.graph)
    assert (policy.manifest.traces, policy.manifest.labels) == (300, ("no", "yes"))
    noise = policy.manifest.noise
    assert noise is not None
    assert (noise.pairs, noise.contradictions, noise.asked) == (40, 2, True)
    standby, heard = await room.trainer(traces)
    room.configure(embedder="precomputed", target_agreement=0.96)
    events = [await told.next() for _ in range(2)]
    assert [event.details["version"] for event in events] == ["v2", "v2"]
    assert heard.is_empty()
    await leader.stop()
    given = {"embedder": "precomputed", "features": b"\0\0\x80?" * 4, "replied_at": 2**45}
    standby.add_traces([message(trace(f"new{number}", "yes", **given)) for number in range(400)])
    assert (await heard.next()).details["version"] == "v3"


async def test_a_refit_with_less_coverage_is_refused(room: Room) -> None:
    room.configure(embedder="precomputed", target_agreement=0.9)
    leader, told = await room.trainer(vectors(300))
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.PROMOTED]
    active = await room.registry.active("t")
    found = await room.registry.fetch("t", "v1")
    assert active is not None
    assert found is not None
    threshold = Policy.open(found.manifest, found.graph).manifest.threshold(0.9)
    later = active.since + 1_000
    leader.add_traces(half_unlearnable(500, threshold, later))
    await room.refits.request("t", later, "drift")
    assert (await told.next()).kind is EventKind.REFIT
    refused = await told.next()
    assert refused.kind is EventKind.REFUSED
    assert refused.message.endswith(
        "v1 answers 500 of 500 sampled ones, 500 of them like the teacher: v1 goes on"
    )
    assert (await room.registry.active("t")) == active


async def test_a_new_leader_answers_a_waiting_request_with_its_first_refit(room: Room) -> None:
    room.configure(embedder="precomputed", refit={"quiet": 0.0})
    await room.refits.request("t", 0, "drift")
    _, told = await room.trainer(vectors(300))
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.PROMOTED]
    await room.registry.looked_twice()
    assert told.is_empty()
    assert await room.refits.pending({"t"}) == []


async def test_unusable_traces_start_no_refit(
    room: Room,
) -> None:
    room.configure(embedder="precomputed")
    texts = [message(trace(f"r{number}", ["yes", "no"][number % 2])) for number in range(300)]
    _, told = await room.trainer(texts)
    room.configure(embedder="text", target_agreement=0.5, delta=0.2)
    first = await told.next()
    assert first.kind == EventKind.REFIT
    assert first.details["traces"] == 300


async def test_a_version_goes_on_trial_if_configured(
    room: Room,
) -> None:
    room.configure(embedder="precomputed", promotion="shadow:50")
    trainer, told = await room.trainer(vectors(300))
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.TRIAL]
    serving_state = await room.registry.serving_state("t")
    assert serving_state.active is None
    assert serving_state.candidate is not None
    assert (serving_state.candidate.version, serving_state.candidate.plan.needs) == ("v1", 50)
    room.configure(embedder="precomputed", target_agreement=0.999)
    given = {"embedder": "precomputed", "features": b"\0\0\x80?" * 4, "replied_at": 2**45}
    trainer.add_traces([message(trace(f"new{number}", "yes", **given)) for number in range(250)])
    await room.refits.request("t", 2**45, "alarm")
    begin, refusal = await told.next(), await told.next()
    assert (begin.details["traces"], refusal.kind) == (550, EventKind.REFUSED)
    history = await room.registry.history("t")
    assert [(move.version, move.after) for move in history] == [
        ("v1", VersionStage.SHADOW),
        ("v2", VersionStage.REFUSED),
    ]
    assert (await room.registry.serving_state("t")).candidate == serving_state.candidate


@pytest.mark.parametrize("what", ["alarm", "drift", "another teacher"])
async def test_growth_waits_for_traces_that_may_certify(room: Room, what: str) -> None:
    room.configure(embedder="precomputed", refit={"at_least": 200, "quiet": 0.0})
    trainer, told = await room.trainer(vectors(300))
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.PROMOTED]
    since = unix_ms()
    if what == "alarm":
        await room.registry.change("t", lambda found: after_alarm(found, "v1", None, since, "alarm", 1))
    elif what == "drift":
        await room.refits.request("t", since, "drift")
        await room.registry.looked_twice()
    else:
        await room.taught_since(since)
    given = {"embedder": "precomputed", "features": b"\0\0\x80?" * 4}
    times = [*[since - 1] * 150, *[since] * 200]
    fresh = [message(trace(f"new{at}", "yes", **given, replied_at=time)) for at, time in enumerate(times)]
    trainer.add_traces(fresh[:-1])
    await room.registry.looked_twice()
    trainer.add_traces(fresh[-1:])
    assert (await told.next()).details["traces"] == 300 + len(fresh)


async def test_without_audits_growth_is_refused_with_a_reason(
    room: Room,
) -> None:
    room.configure(embedder="precomputed", audit_rate=0.0)
    trainer, told = await room.trainer(vectors(300))
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.PROMOTED]
    await room.taught_since(2**45)
    given = {"embedder": "precomputed", "features": b"\0\0\x80?" * 4, "sampled": False}
    trainer.add_traces([message(trace(f"new{at}", "yes", **given, replied_at=2**45)) for at in range(250)])
    await told.next()
    refusal = await told.next()
    assert refusal.kind is EventKind.REFUSED
    assert "too few sampled traces: 0" in refusal.message
    assert "300 of 300 sampled traces only train" in refusal.message


async def test_the_leader_counts_the_traces_that_may_certify(room: Room) -> None:
    room.configure(embedder="precomputed", refit={"at_least": 1_000, "calibration_window": 70})
    await room.trainer(vectors(90))
    await asyncio.wait_for(room.registry.counted.wait(), 30)
    assert await room.registry.certifying_traces("t") == 70


async def test_refuted_traces_certify_no_successor(room: Room) -> None:
    """A sorted stream: v1 knows two labels, and what comes next has another."""
    room.configure(embedder="precomputed", target_agreement=0.9, refit={"at_least": 200, "quiet": 0.0})
    trainer, told = await room.trainer(vectors(300))
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.PROMOTED]
    trainer.add_traces(sorted_later(250, audited=40))
    missed = await told.next()
    assert (missed.kind, missed.details["version"]) == (EventKind.PROMISE_MISSED, "v1")
    assert "0 of 40 audits agree" in missed.message
    await room.registry.looked_twice()
    active = await room.registry.active("t")
    assert active is not None
    assert active.version == "v1"
    assert told.is_empty(), "growth alone would have been enough for a refit"
    trainer.add_traces(sorted_later(200, audited=200, begin=250))
    refit = await told.next()
    outdated = 150
    assert (refit.kind, refit.details["traces"]) == (EventKind.REFIT, 300 - outdated + 450)


def sorted_later(count: int, audited: int, begin: int = 0) -> list[Message]:
    """Traces of v1, the first `audited` of them sampled: it answers yes, the teacher says maybe."""
    found = []
    for number in range(begin, begin + count):
        is_audit = number - begin < audited
        given: dict[str, Any] = {
            "embedder": "precomputed",
            "features": (np.eye(4)[2] + 0.01 * number).astype("<f4").tobytes(),
            "guess": Guess("yes", 0.99, 0.1, "v1"),
            "audit": is_audit,
            "sampled": is_audit,
            "reason": Reason.AUDIT if is_audit else Reason.LOW_SCORE,
            "requested_at": 2_000 + number,
            "replied_at": 2_000 + number,
        }
        found.append(message(trace(f"later{number}", "maybe", **given), offset=2_000 + number))
    return found


async def test_a_new_label_is_refitted_for_at_once(room: Room) -> None:
    def configure(*labels: str) -> None:
        room.configure(embedder="precomputed", teacher={"labels": labels}, refit={"quiet": 0.0})

    configure("no", "yes", "never")
    trainer, told = await room.trainer(vectors(300))
    assert [(await told.next()).kind for _ in range(2)] == [EventKind.REFIT, EventKind.PROMOTED]
    raw = await room.registry.manifest("t", "v1")
    assert raw is not None
    assert Manifest.decode(raw).offered == ("no", "yes", "never")
    configure("no", "yes", "never", "added")
    numbers = np.array([0, 0, 1, 0], dtype="<f4").tobytes()
    given: dict[str, Any] = {"embedder": "precomputed", "features": numbers, "text": None}
    trainer.add_traces([message(trace(f"new{at}", "added", **given), offset=1_000 + at) for at in range(4)])
    await room.registry.looked_twice()
    assert told.is_empty(), "few may be a mistake"
    trainer.add_traces([message(trace("new4", "added", **given), offset=1_004)])
    refit = await told.next()
    assert (refit.kind, refit.details["traces"]) == (EventKind.REFIT, 305)


class LeaseLost(Watched):
    """Redis gives the lease to another trainer while this one looks whether to refit."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.lose: Callable[[], object] = lambda: None

    async def serving_state(self, task: str) -> ServingState:
        self.lose()
        return await super().serving_state(task)


async def test_a_lease_lost_before_the_refit_is_no_failure(connection: Connection, keys: Keys) -> None:
    live, registry = Tasks(), LeaseLost(connection, keys, 5)
    live.configure("t", parse_override(b'{"embedder": "precomputed"}'))
    leases, told = Leases(connection, keys, "one", 60.0), PublishedEvents()
    trainer = Trainer(live, registry, leases, RefitQueue(connection, keys), told, 60.0)
    trainer.add_traces(vectors(300))
    await trainer._hold("t")
    registry.lose = trainer._tokens.clear
    assert not await trainer._check(live.task("t"), trainer._windows["t"], look_for_labels=False)
    assert told.is_empty()


async def test_a_clock_that_was_ahead_rules_out_no_traces(connection: Connection, keys: Keys) -> None:
    """A reply and an alarm dated 30 days ahead; the traces that come from now on certify, at each look."""
    ahead = unix_ms() + 30 * 86_400_000
    live, registry, told = Tasks(), Registry(connection, keys, 5), PublishedEvents()
    live.configure("t", parse_override(b'{"embedder": "precomputed", "refit": {"calibration_age": 3600}}'))
    refits, leases = RefitQueue(connection, keys), Leases(connection, keys, "one", 60.0)
    trainer = Trainer(live, registry, leases, refits, told, 60.0)
    given = {"embedder": "precomputed", "features": b"\0\0\x80?" * 4}
    trainer.add_traces([message(trace("ahead", "yes", **given, replied_at=ahead))])
    await registry.change("t", lambda found: after_alarm(found, "v1", None, ahead, "alarm", 1))

    async def certifying() -> int | None:
        await trainer._count_certifying(live.task("t"), trainer._windows["t"])
        return await registry.certifying_traces("t")

    assert await certifying() == 0
    now = unix_ms()
    trainer.add_traces([message(trace(f"r{at}", "yes", **given, replied_at=now)) for at in range(250)])
    while unix_ms() == now:
        pass
    assert await certifying() == 250


async def test_a_version_that_fails_a_case_of_the_battery_does_not_go_live(room: Room) -> None:
    room.configure(embedder="precomputed", refit={"at_least": 200, "quiet": 0.0}, promotion="approve")
    yes = [1.0, 0.0, 0.0, 0.0]
    await room.registry.battery.add("t", [BatteryCase("first", embedding=yes, label="no")])
    trainer, told = await room.trainer(vectors(300))
    await told.next()
    refusal = await told.next()
    assert refusal.kind is EventKind.REFUSED
    assert "fails 1 cases of the task's battery: first is 'no', and it answers 'yes'" in refusal.message
    state = await room.registry.serving_state("t")
    assert (state.active, state.candidate) == (None, None)
    await room.registry.battery.add("t", [BatteryCase("first", embedding=yes, label="yes", must_answer=True)])
    trainer.add_traces(vectors(600)[300:])
    assert (await told.next()).kind is EventKind.REFIT
    waits = await told.next()
    assert (waits.kind, waits.details["state"]) == (EventKind.TRIAL, "approval")
    state = await room.registry.serving_state("t")
    assert state.active is None
    assert state.candidate is not None
    assert state.candidate.waits_for_approval


async def test_a_battery_that_can_t_be_read_lets_nothing_live(room: Room) -> None:
    room.configure(embedder="precomputed")
    await room.spoil_battery()
    _, told = await room.trainer(vectors(300))
    await told.next()
    refusal = await told.next()
    assert refusal.kind is EventKind.REFUSED
    assert "the task's battery could not be run, so it does not go live now" in refusal.message
    assert await room.registry.active("t") is None


async def test_a_refit_that_runs_is_said_with_its_phase_until_it_has_ended(room: Room) -> None:
    room.configure(embedder="precomputed")
    running = room.running()
    seen: list[RunningRefit] = []
    _, told = await room.trainer(vectors(300))
    await told.next()
    while not seen or (await running.of(["t"])):
        seen += (await running.of(["t"])).values()
        await asyncio.sleep(0.01)
    assert (seen[0].since, seen[0].traces) == (NOW, 300)
    assert "fitting out of fold" in {one.doing for one in seen}
    assert (await told.next()).kind is EventKind.PROMOTED
