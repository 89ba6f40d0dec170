"""Response to an alarm, on a real Redis: made once, however often it is called, with one event."""

from dataclasses import replace

import pytest

from models.artifact import Artifact
from models.certificate import Certificate
from schemas.config import parse_override
from schemas.events import EventKind, LabelBlockedDetails
from schemas.messages import Guess
from schemas.redis_keys import Keys
from streams.certify.evidence import AlarmEvidence
from streams.rollout.alarm_response import AlarmResponse
from streams.rollout.trials import TrialJudge
from streams.state.connection import Connection
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.state.trial_counts import TrialCounts
from streams.tasks import Tasks
from streams.versions.lifecycle import VersionStage, stages
from streams.versions.promotion import AT_ONCE, FOR_APPROVAL, PromotionPlan
from tests.streams.fakes import PublishedEvents, message, trace

FALLEN = AlarmEvidence(
    0.95, Certificate(200, 180), 5_000, {"a": Certificate(20, 5), "b": Certificate(20, 15)}
)


class Room:
    """Task `t` with versions v1, v2, ..., the last of which is live."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self.live, self.told = Tasks(), PublishedEvents()
        self.registry = Registry(connection, keys, 5)
        self.refits = RefitQueue(connection, keys)
        self.certified: set[str] = set()
        self.alarm = AlarmResponse(self.live, self.registry, self.refits, self._stands, self.told)
        self.candidates = TrialJudge(self.live, self.registry, TrialCounts(connection, keys), self.told)

    async def _stands(self, _: str, version: str) -> bool:
        return version in self.certified

    async def publish(self, number: int, plan: PromotionPlan = AT_ONCE) -> None:
        found = Artifact(b"manifest", b"graph")
        assert await self.registry.publish("t", f"v{number}", number, 0, found, 1000 + number, plan)

    async def asked(self) -> int:
        return len(await self.refits.pending(["t"]))

    async def states(self) -> dict[str, VersionStage]:
        return stages(await self.registry.history("t"))


@pytest.fixture
def room(connection: Connection, keys: Keys) -> Room:
    return Room(connection, keys)


async def test_the_breaker_opens_and_a_refit_is_requested(
    room: Room,
) -> None:
    await room.publish(1)
    await room.publish(2)
    await room.publish(7, PromotionPlan(VersionStage.SHADOW, 0.0, 20))
    for _ in range(2):
        assert not await room.alarm("t", "v2", FALLEN)
    serving_state = await room.registry.serving_state("t")
    assert (serving_state.breaker.open, serving_state.breaker.against, serving_state.certify_from) == (
        True,
        ("v2",),
        5_000,
    )
    assert await room.asked() == 1
    (event,) = room.told.events
    assert event.kind == EventKind.ALARM
    assert event.message == (
        "t: agreement of v2 has fallen below the target (20 of the last 40 audits agree, the target is "
        "0.95), so v2 is stopped; the breaker is open, everything is deferred to the teacher, and a refit is "
        "requested, calibrated on traces since 1970-01-01T00:00:05+00:00"
    )
    await room.publish(3)
    assert not (await room.registry.serving_state("t")).breaker.stops("v3")
    found = await room.states()
    assert found.pop("v7") is VersionStage.RETIRED, "its trial was about what was before"
    assert found == {"v1": VersionStage.RETIRED, "v2": VersionStage.ROLLED_BACK, "v3": VersionStage.LIVE}


async def test_the_newest_certified_version_is_restored(room: Room) -> None:
    for number in (1, 2, 3, 4):
        await room.publish(number)
    room.certified = {"v1", "v2"}
    await room.alarm("t", "v4", FALLEN)
    await room.alarm("t", "v4", FALLEN)
    serving_state = await room.registry.serving_state("t")
    assert serving_state.active is not None
    assert (serving_state.active.version, serving_state.breaker.open) == ("v2", False)
    assert "v2, which is still certified, is restored" in room.told.events[0].message
    room.certified = {"v1", "v4"}
    await room.alarm("t", "v2", FALLEN)
    restored = (await room.registry.serving_state("t")).active
    assert restored is not None
    assert restored.version == "v1", "v4 was stopped by its own alarm, and is not returned to"
    assert len(room.told.events) == 2


async def test_a_version_that_is_not_live_is_stopped(
    room: Room,
) -> None:
    await room.publish(1)
    await room.publish(2)
    before = await room.registry.serving_state("t")
    for _ in range(2):
        assert not await room.alarm("t", "v1", FALLEN)
    serving_state = await room.registry.serving_state("t")
    assert (serving_state.breaker.stops("v1"), serving_state.breaker.stops("v2")) == (True, False)
    assert serving_state == replace(before, count=before.count + 1, breaker=serving_state.breaker)
    assert (room.told.events, await room.asked()) == ([], 0)


async def test_an_alarm_works_on_an_emptied_registry(
    room: Room,
) -> None:
    for _ in range(2):
        assert not await room.alarm("t", "v1", FALLEN)
    serving_state = await room.registry.serving_state("t")
    assert (serving_state.breaker.stops("v1"), serving_state.breaker.open) == (True, False)
    assert serving_state.certify_from == 5_000, "what is fitted now is not certified on what came before"
    assert await room.asked() == 1
    (event,) = room.told.events
    assert "Redis does not know a live version" in event.message


async def test_audits_from_before_a_block_stop_no_version(room: Room) -> None:
    """A second alarm was raised by the same label, before certify had noted that the label is blocked."""
    await room.publish(1)
    first = {"refund": Certificate(30, 5), "track": Certificate(100, 98)}
    assert await room.alarm("t", "v1", AlarmEvidence(0.95, Certificate(500, 470), 5_000, first)) == "refund"
    again = {"refund": Certificate(12, 2), "track": Certificate(10, 10)}
    assert await room.alarm("t", "v1", AlarmEvidence(0.95, Certificate(530, 480), 6_000, again)) == "refund"
    assert not (await room.registry.serving_state("t")).breaker.open
    assert [event.kind for event in room.told.events] == [EventKind.LABEL_BLOCKED]
    others = {"refund": Certificate(12, 2), "track": Certificate(40, 30)}
    assert await room.alarm("t", "v1", AlarmEvidence(0.95, Certificate(560, 500), 7_000, others)) is None
    assert (await room.registry.serving_state("t")).breaker.open, "what is still answered has fallen too"


async def test_a_label_is_blocked_once_instead_of_the_version(room: Room) -> None:
    await room.publish(1)
    labels = {"refund": Certificate(30, 5), "track": Certificate(100, 98)}
    evidence = AlarmEvidence(0.95, Certificate(500, 470), 5_000, labels)
    for _ in range(2):
        assert await room.alarm("t", "v1", evidence) == "refund"
    assert await room.registry.blocked_labels("t", "v1") == {"refund"}
    assert (await room.registry.serving_state("t")).breaker.open is False
    (event,) = room.told.events
    blocked = LabelBlockedDetails.of(event)
    assert (blocked.label, blocked.cause, blocked.since) == ("refund", "alarm", 5_000)
    assert (blocked.label_audits, blocked.label_agreements) == (30, 5)
    assert (blocked.version_audits, blocked.version_agreements) == (500, 470)
    assert await room.asked() == 1


async def test_a_canary_s_alarm_requests_no_refit(room: Room) -> None:
    await room.publish(1)
    await room.publish(2, PromotionPlan(VersionStage.CANARY, 0.1, 59))
    await room.alarm("t", "v2", FALLEN)
    serving_state = await room.registry.serving_state("t")
    assert (serving_state.candidate, serving_state.breaker.open, await room.asked()) == (None, False, 0)
    assert await room.states() == {"v1": VersionStage.LIVE, "v2": VersionStage.ROLLED_BACK}
    assert "the live version answers the canary's share" in room.told.events[0].message


async def test_the_alarm_of_a_version_that_waits_for_approval_ends_the_wait(room: Room) -> None:
    await room.publish(1)
    await room.publish(2, FOR_APPROVAL)
    for _ in range(2):
        assert await room.alarm("t", "v2", FALLEN) is None
    assert await room.states() == {"v1": VersionStage.LIVE, "v2": VersionStage.REFUSED}
    assert [event.kind for event in room.told.events] == [EventKind.REFUSED]


@pytest.mark.parametrize(("label", "after"), [("yes", VersionStage.LIVE), ("no", VersionStage.REFUSED)])
async def test_a_trial_is_concluded_once(room: Room, label: str, after: VersionStage) -> None:
    await room.publish(1)
    await room.publish(2, PromotionPlan(VersionStage.SHADOW, 0.0, 20))
    room.live.configure("t", parse_override(b'{"target_agreement": 0.8}'))
    shadow, traces = Guess("yes", 0.9, 0.1, "v2"), []
    for number in range(20):
        one = trace(f"r{number}", label, shadow=shadow)
        traces.append((one, message(one, offset=number)))
    unsampled = trace("x", "no", shadow=shadow, sampled=False)
    await room.candidates.judge([*traces[:19], (unsampled, message(unsampled, offset=50))])
    assert (await room.registry.serving_state("t")).candidate is not None
    for _ in range(2):
        await room.candidates.judge(traces)
    assert (await room.states())["v2"] is after
    assert (await room.registry.serving_state("t")).candidate is None
    (event,) = room.told.events
    assert event.kind == (EventKind.PROMOTED if after is VersionStage.LIVE else EventKind.REFUSED)
