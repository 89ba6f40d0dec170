"""A replay sends a message where it came from, or its request from the start; never a text that must go."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import REQUEST
from schemas.messages import Answer, Encoding, Reason, Reply, Request
from schemas.topics import Topics
from schemas.vector_headers import vector_header
from streams.dead_letters.letters import DeadLetter, LetterFilter, Position, letter_of
from streams.dead_letters.replay import MOST_REPLAYS, ReplayRules, replay_of
from streams.errors import ReplayRefused
from streams.kafka.batch import Outgoing
from streams.kafka.dead_letters import DeadLetters
from streams.privacy.forgotten import ForgottenRequests, forgotten_request
from tests.streams.fakes import CARRIED, HEADERS, deferral, message

TOPICS = Topics("x", audit_lane=True)
REQUEST_VALUE = {"id": "r1", "task": "t", "text": "card 4111", "newer": "field"}


def letter(value: Any, topic: str, reason: str = "why", **given: Any) -> DeadLetter:
    """The letter of a message that came from a topic at time 1,000."""
    out = DeadLetters(TOPICS.dead_letters, "learn").letter(message(value, topic=topic, **given), reason)
    return letter_of(_consumed(out))


def _consumed(out: Outgoing) -> Any:
    return message(
        out.value,
        topic=out.topic,
        key=out.key,
        headers=out.headers,
        partition=2,
        offset=17,
        timestamp=(1, 5000),
    )


def rules(**given: Any) -> ReplayRules:
    return ReplayRules(TOPICS, **{"forgotten": ForgottenRequests(), **given})


def forgets(request: str, at: int) -> ForgottenRequests:
    forgotten = ForgottenRequests()
    forgotten.add(forgotten_request("t", request, at))
    return forgotten


def test_a_request_goes_back_as_it_came() -> None:
    found = letter(REQUEST_VALUE, TOPICS.requests)
    sent = replay_of(found, rules())
    assert (sent.topic, sent.key, sent.value) == (TOPICS.requests, b"key", msgspec.json.encode(REQUEST_VALUE))
    assert sent.headers == [*HEADERS, ("understudy-attempt", b"1")]


@pytest.mark.parametrize("masks", [False, True])
def test_a_request_keeps_the_vector_of_its_header(masks: bool) -> None:
    vector = np.ones(2, "<f4")
    found = letter(REQUEST_VALUE, TOPICS.requests, headers=[*HEADERS, vector_header("f32", vector)])
    sent = replay_of(found, rules(mask=lambda text: text.replace("4111", "***")) if masks else rules())
    request = REQUEST.decode(sent.value, sent.headers or [])
    assert request.text == ("card ***" if masks else "card 4111")
    assert request.embedding == vector.tobytes()


def test_an_encoding_goes_back_as_it_came() -> None:
    for encoding in (Encoding(5, Request("r1", "t", "card 4111")), Encoding(5, check=deferral(audit=True))):
        found = letter(encoding, TOPICS.encodings)
        sent = replay_of(found, rules())
        assert (sent.topic, sent.value) == (TOPICS.encodings, found.value)
        about = (encoding.request or deferral().request).id
        with pytest.raises(ReplayRefused, match="forgotten"):
            replay_of(found, rules(forgotten=forgets(about, 10_000)))
        with pytest.raises(ReplayRefused, match="mask"):
            replay_of(found, rules(mask=lambda text: f"masked {text}"))


@pytest.mark.parametrize("topic", [TOPICS.deferrals, TOPICS.waiting, TOPICS.replies])
def test_a_failure_of_the_teacher_asks_again(topic: str) -> None:
    """From the start, without the client's wish how long to wait."""
    asked = deferral()
    value = Reply(asked, error="away") if topic == TOPICS.replies else asked
    sent = replay_of(letter(value, topic, headers=[*CARRIED, ("understudy-give-up-after", b"5")]), rules())
    assert (sent.topic, sent.headers) == (TOPICS.requests, [*CARRIED, ("understudy-attempt", b"1")])
    assert REQUEST.decode(sent.value) == asked.request


def test_what_no_client_waits_for_is_not_a_request() -> None:
    audit = deferral(audit=True, reason=Reason.AUDIT)
    repeat = deferral(first=Answer("no"), reason=Reason.REPEAT)
    for asked in (audit, repeat):
        with pytest.raises(ReplayRefused, match="no client waits"):
            replay_of(letter(Reply(asked, error="away"), TOPICS.replies), rules())
        assert replay_of(letter(asked, TOPICS.audits), rules()).topic == TOPICS.audits
    paid = letter(Reply(audit, "no"), TOPICS.replies)
    assert replay_of(paid, rules())[:3] == (TOPICS.replies, paid.key, paid.value)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (letter(None, TOPICS.requests), "holds no message"),
        (letter(b"{", TOPICS.requests), "can't be read"),
        (letter(b"{}", TOPICS.replies), "can't be read"),
        (letter({"id": "r1", "task": "t"}, TOPICS.requests), "can't be read"),
        (letter(REQUEST_VALUE, TOPICS.traces), "writes to no such topic"),
        (letter(REQUEST_VALUE, "other.requests"), "writes to no such topic"),
    ],
)
def test_what_can_not_be_sent_is_refused(found: DeadLetter, says: str) -> None:
    with pytest.raises(ReplayRefused, match=says):
        replay_of(found, rules(force=True))


def test_a_message_that_fails_again_is_replayed_three_times() -> None:
    found = letter(REQUEST_VALUE, TOPICS.requests)
    for attempt in range(MOST_REPLAYS):
        assert found.attempt == attempt
        sent = replay_of(found, rules())
        found = letter(sent.value, sent.topic, headers=sent.headers)
    with pytest.raises(ReplayRefused, match="after 3 replays; --force"):
        replay_of(found, rules())
    sent = replay_of(found, rules(force=True))
    assert [header for header in sent.headers or [] if header[0] == "understudy-attempt"] == [
        ("understudy-attempt", b"4")
    ]


@given(st.none() | st.binary(max_size=12))
def test_an_odd_attempt_header_does_no_harm(value: bytes | None) -> None:
    found = letter(REQUEST_VALUE, TOPICS.requests, headers=[("understudy-attempt", value)])
    assert 0 <= found.attempt < 10**9
    sent = replay_of(found, rules(force=True))
    assert sent.headers == [("understudy-attempt", str(found.attempt + 1).encode())]


def test_what_is_to_be_forgotten_is_never_sent() -> None:
    asked = deferral(requested_at=1000)
    found = [
        letter(REQUEST_VALUE, TOPICS.requests),
        letter({**REQUEST_VALUE, "deferral": {"request": {"id": "x", "task": "t"}}}, TOPICS.requests),
        letter(Reply(asked, error="away"), TOPICS.replies),
        letter(Reply(asked, "no"), TOPICS.replies),
        letter(asked, TOPICS.deferrals),
        letter(deferral(audit=True, requested_at=1000), TOPICS.audits),
    ]
    for one in found:
        with pytest.raises(ReplayRefused, match="forgotten"):
            replay_of(one, rules(forgotten=forgets("r1", 1000), force=True))
        assert replay_of(one, rules(forgotten=forgets("r1", 999))), "it was asked after that"
        assert replay_of(one, rules(forgotten=forgets("r2", 1000)))


def test_a_letter_without_a_time_is_taken_for_old() -> None:
    """Earlier releases did not write it: better not sent than a text that is back."""
    raw = message(REQUEST_VALUE, headers=[("_dlq.errors.topic", TOPICS.requests.encode())])
    with pytest.raises(ReplayRefused, match="forgotten"):
        replay_of(letter_of(raw), rules(forgotten=forgets("r1", 1)))


def test_a_text_that_is_not_masked_is_never_sent() -> None:
    masks = rules(mask=lambda text: text.replace("4111", "****"), force=True)
    raw, masked = (
        deferral(request=Request("r1", "t", "card 4111")),
        deferral(request=Request("r1", "t", "card ****")),
    )
    for found in (letter(REQUEST_VALUE, TOPICS.requests), letter(Reply(raw, error="away"), TOPICS.replies)):
        assert REQUEST.decode(replay_of(found, masks).value).text == "card ****"
    with pytest.raises(ReplayRefused, match="the mask changes its text"):
        replay_of(letter(Reply(raw, "no"), TOPICS.replies), masks)
    assert replay_of(letter(Reply(masked, "no"), TOPICS.replies), masks)

    def broken(_: str) -> str:
        raise KeyError

    with pytest.raises(ReplayRefused, match="can't be masked: the mask raised KeyError"):
        replay_of(letter(REQUEST_VALUE, TOPICS.requests), rules(mask=broken, force=True))


def test_a_letter_says_what_it_is_about() -> None:
    found = letter(Reply(deferral(), error="away"), TOPICS.replies, "no answer", timestamp=(1, 3000))
    assert (found.position, found.at, found.requested_at) == (Position(2, 17), 5000, 3000)
    assert (found.stage, found.reason, found.topic) == ("learn", "no answer", TOPICS.replies)
    assert (found.task, found.request, found.headers) == ("t", "r1", HEADERS)


@pytest.mark.parametrize(
    ("wanted", "suits"),
    [
        (LetterFilter(), True),
        (LetterFilter(reason="NO ans", stage="learn", task="t", since=5000), True),
        (LetterFilter(positions=frozenset({Position(2, 17)})), True),
        (LetterFilter(positions=frozenset({Position(2, 18)})), False),
        (LetterFilter(reason="other"), False),
        (LetterFilter(stage="route"), False),
        (LetterFilter(task="u"), False),
        (LetterFilter(since=5001), False),
    ],
)
def test_letters_are_chosen_by_all_that_is_given(wanted: LetterFilter, suits: bool) -> None:
    found = letter(Reply(deferral(), error="away"), TOPICS.replies, "no answer")
    assert wanted.suits(found) is suits


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":1", "-1:2", "1:x", "1:2:3", "\N{SUPERSCRIPT TWO}:1", "1:" + "9" * 30]
)
def test_a_position_is_two_numbers(text: str) -> None:
    assert str(Position.parse("2:17")) == "2:17"
    with pytest.raises(ValueError, match="PARTITION:OFFSET"):
        Position.parse(text)
