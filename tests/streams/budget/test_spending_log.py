"""What is spent reaches Redis once, also after an outage, and events about limits are told once."""

import pytest

from schemas.events import Event
from schemas.messages import Label, Reason, Usage
from streams.budget.spending_log import SpendingLog
from streams.errors import StateUnavailable
from streams.metrics.registry import MetricRegistry
from streams.state.spending import Spent
from streams.tasks import Tasks

DAY = 20_000
LABEL = Label("r", "t", "yes", "surrogate", Reason.ACCEPTED, requested_at=1_000, labelled_at=1_250)


class Store:
    """Adds up in memory; away while `is_away`, and for news alone while `is_mute`."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.ended: list[str] = []
        self.told: set[str] = set()
        self.is_away = self.is_mute = False

    async def add(self, _: str, amounts: dict[str, float], ended: list[str]) -> tuple[Spent, Spent]:
        if self.is_away:
            raise StateUnavailable("away")
        for name, amount in amounts.items():
            self.spent[name] = self.spent.get(name, 0.0) + amount
        self.ended += ended
        spent = Spent(DAY, self.spent.get("calls", 0.0), 0.0, 0.0)
        return spent, spent

    async def is_news(self, task: str, _: int, what: str) -> bool:
        if self.is_mute:
            raise StateUnavailable("away")
        is_new = (name := f"{task} {what}") not in self.told
        self.told.add(name)
        return is_new


class Room:
    def __init__(self) -> None:
        self.store, self.tasks, self.events = Store(), Tasks(), list[Event]()
        self.tasks.configure("t", {"teacher": {"limits": {"calls_per_day": 10}}})
        self.metrics = MetricRegistry()
        self.log = SpendingLog(self.store, self.tasks, self.events.append, self.metrics)  # type: ignore[arg-type]

    def levels(self) -> list[float]:
        return [event.details["level"] for event in self.events]


@pytest.fixture
def room() -> Room:
    return Room()


async def test_an_outage_loses_and_doubles_nothing(room: Room) -> None:
    room.store.is_away = True
    room.log.add("t", {"calls": 2}, ["w:1", ""])
    await room.log.flush()
    room.log.count_labels([LABEL] * 5)
    room.log.add("t", {"calls": 1}, ["w:2"])
    await room.log.flush()
    room.store.is_away = False
    await room.log.flush()
    await room.log.flush()
    assert room.store.spent == {"calls": 3, "answered": 5}
    assert room.store.ended == ["w:1", "w:2"]
    shown = room.metrics.text().decode()
    assert 'understudy_teacher_calls_total{outcome="answered",task="t"} 3.0' in shown
    assert 'understudy_label_seconds_sum{source="surrogate",task="t"} 1.25' in shown
    assert 'understudy_label_seconds_count{source="surrogate",task="t"} 5.0' in shown


async def test_what_can_not_be_told_is_told_later_and_added_once(room: Room) -> None:
    room.store.is_mute = True
    room.log.add("t", {"calls": 5})
    await room.log.flush()
    assert (room.store.spent, room.levels()) == ({"calls": 5}, [])
    room.store.is_mute = False
    room.log.add_refit("t", 2.5)
    await room.log.flush()
    assert room.store.spent == {"calls": 5, "refits": 1, "refit_seconds": 2.5}
    assert room.levels() == [0.5]


async def test_no_amount_keeps_what_follows_from_being_done(room: Room) -> None:
    """Who adds has still to answer a request; counters of metrics take nothing below zero."""
    room.log.add("t", {"calls": 1, "tokens": -2, "money": -0.5}, ["w:1"])
    await room.log.flush()
    assert (room.store.spent["calls"], room.store.ended) == (1, ["w:1"])


async def test_a_level_is_told_once(room: Room) -> None:
    for calls in (5, 1, 2, 2, 3):
        room.log.add("t", {"calls": calls})
        await room.log.flush()
    assert room.levels() == [0.5, 0.8, 1.0]


async def test_an_apps_own_calls_count_beside_those_of_the_teacher(room: Room) -> None:
    """They have a price where the model is the teacher's, and no limit counts them."""
    price = {"input": 1_000.0, "output": 2_000.0}
    room.tasks.configure("t", {"teacher": {"model": "m", "price": price}})
    room.log.add_reply("t", "m", was_read=True, usage=Usage(10, 1))
    room.log.add_reply("t", "other", was_read=False, usage=Usage(5, 1, 2))
    room.log.add_reply("t", "m", was_read=True, usage=None)
    await room.log.flush()
    assert room.store.spent == {
        "replies_read": 2,
        "replies_unread": 1,
        "apps.calls": 2,
        "apps.prompt_tokens": 15,
        "apps.cached_tokens": 2,
        "apps.completion_tokens": 2,
        "apps.money": 0.012,
    }
