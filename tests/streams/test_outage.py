"""An outage is one line when it begins, one a minute while it lasts, and one when it ends."""

import logging

import pytest

from streams.log_json import JsonFormatter
from streams.outage import Outage, Outages

log = logging.getLogger("streams.some")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return found


def test_it_is_said_once_reminded_of_each_minute_and_ended_with_its_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    outage = Outage(log, "it stops", "it goes on", clock=clock, role="route")
    outage.note_success()
    assert said(caplog) == []
    outage.note_failure("refused")
    assert said(caplog) == [("WARNING", "it stops: refused, role=route")]
    for clock.now in (101.0, 130.0, 159.9, 160.0, 161.0):
        outage.note_failure("refused")
    assert said(caplog) == [("ERROR", "it stops, still: refused, seconds=60.0 role=route")]
    clock.now = 190.26
    outage.note_success()
    outage.note_success()
    assert said(caplog) == [("INFO", "it goes on: seconds=90.3 role=route")]
    outage.note_failure("refused")
    assert said(caplog) == [("WARNING", "it stops: refused, role=route")]


def test_its_seconds_and_fields_are_members_in_json(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    outage = Outage(log, "it stops", "it goes on", clock=clock, task="shop")
    outage.note_failure("100 % of it")
    clock.now += 7.5
    outage.note_success()
    begun, ended = (JsonFormatter().format(record) for record in caplog.records)
    assert '"task":"shop"' in begun
    assert '"message":"it stops: 100 % of it, task=shop"' in begun
    assert '"seconds":7.5,"task":"shop"' in ended


def test_each_key_has_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outages = Outages(log, "stops", "goes on", Clock())
    outages.note_failure("a", "why", task="a")
    outages.note_failure("b", "why", task="b")
    outages.note_failure("a", "why", task="a")
    outages.note_success("b")
    outages.forget("a")
    outages.note_success("a")
    assert [text for _, text in said(caplog)] == [
        "stops: why, task=a",
        "stops: why, task=b",
        "goes on: seconds=0.0 task=b",
    ]
