"""Rows of deferrals and dead letters say why, cut and masked, and of one task alone."""

import asyncio

import pytest
from msgspec.structs import replace

from schemas.messages import Answer, Deferral, Guess, Label, Reason, Request, Teacher
from schemas.secrets import remember_secrets
from streams.dashboard.requests import deferred_reader
from streams.dashboard.requests.deferred import deferred_row, deferred_view, letter_row, with_label
from streams.dashboard.requests.deferred_reader import DeferredReader
from streams.dead_letters.letters import DeadLetter, Position
from streams.privacy.forgotten import ForgottenRequests
from streams.settings import Settings
from tests.streams.dashboard.scripted import BEGAN, DEFERRALS, LETTERS

DEFERRAL = Deferral(
    request=Request("r1", "tickets", "where is my parcel"),
    reason=Reason.LOW_SCORE,
    audit=False,
    sampled=False,
    embedder="text",
    requested_at=BEGAN,
    guess=Guess("refund", 0.61, 0.2, "v2"),
    threshold=0.71,
)
LETTER = DeadLetter(
    Position(2, 17),
    BEGAN,
    "teacher",
    "it is too long",
    "t.deferrals",
    BEGAN,
    "tickets",
    "r1",
    0,
    None,
    b"{}",
    [],
)


def test_a_row_says_why_a_request_was_deferred() -> None:
    row = deferred_row(DEFERRAL)
    assert row is not None
    assert (row.id, row.reason, row.score, row.threshold, row.version) == (
        "r1",
        "low_score",
        0.61,
        0.71,
        "v2",
    )
    vector = deferred_row(replace(DEFERRAL, request=Request("r1", "tickets", None, b"\0" * 16), guess=None))
    assert vector is not None
    assert (vector.text, vector.guess, vector.score) == (None, None, None)


def test_audits_and_second_questions_were_not_deferred() -> None:
    assert deferred_row(replace(DEFERRAL, audit=True)) is None
    first = Answer("refund", Teacher("m", "p"))
    assert deferred_row(replace(DEFERRAL, first=first)) is None


def test_texts_are_cut_and_secrets_masked() -> None:
    remember_secrets(["sk-never-to-be-shown"])
    text = "my key is sk-never-to-be-shown " + "x" * 5_000
    row = deferred_row(replace(DEFERRAL, request=Request("r1", "tickets", text)))
    assert row is not None
    assert row.text is not None
    assert "never-to-be-shown" not in row.text
    assert len(row.text) <= 301


def test_a_label_is_that_of_this_attempt() -> None:
    row = deferred_row(DEFERRAL)
    assert row is not None
    label = Label("r1", "tickets", "other", "teacher", Reason.LOW_SCORE, BEGAN, BEGAN + 5)
    assert with_label(row, label).label == "other"
    assert with_label(row, replace(label, requested_at=BEGAN - 1)) == row
    assert with_label(row, None) == row
    error = replace(label, label=None, source="error", error="the teacher is away")
    assert with_label(row, error).failed == "the teacher is away"


def test_a_view_is_of_one_task_and_counts_what_was_looked_at() -> None:
    view = deferred_view("tickets", BEGAN, DEFERRALS, LETTERS, sees_all=True, operates=True)
    assert [row.id for row in view.deferrals] == ["r2", "r1"]
    assert view.reasons == [("novel", 1), ("low_score", 1)]
    assert ([row.position for row in view.letters], view.nameless) == (["2:17"], 1)
    assert view.looked_at == (3, 2)
    for_a_key = deferred_view("tickets", BEGAN, DEFERRALS, LETTERS, sees_all=False, operates=False)
    assert (for_a_key.nameless, {row.text for row in for_a_key.deferrals}) == (None, {None})


def test_a_letter_without_its_message_says_so() -> None:
    assert letter_row(LETTER, replayed=True).replayed
    assert letter_row(LETTER, replayed=False).whole
    empty = DeadLetter(
        Position(2, 18), BEGAN, "route", "too large", "t.requests", 0, None, None, 0, None, None, []
    )
    assert not letter_row(empty, replayed=False).whole


async def test_texts_are_forgotten_when_they_are_not_fresh_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    row, looks = deferred_row(DEFERRAL), list[int]()
    assert row is not None

    def read(_: Settings) -> deferred_reader._NewestDeferrals:
        looks.append(1)
        return deferred_reader._NewestDeferrals([row], [])

    monkeypatch.setattr(deferred_reader, "_read_newest", read)
    monkeypatch.setattr(deferred_reader, "_FRESH", 0.05)
    reader = DeferredReader(Settings(), ForgottenRequests(), lambda *_: None, lambda: BEGAN)
    for seen in (1, 2):
        view = await reader.view("tickets", sees_all=True, operates=True)
        assert ([one.text for one in view.deferrals], len(looks)) == (["where is my parcel"], seen)
        await asyncio.sleep(0.2)
        assert reader._newest.deferrals == []
