"""A dead letter is the message as it came, and says where it failed and why."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import REQUEST
from schemas.messages import Request
from streams.errors import OutputTooLarge
from streams.kafka.batch import Outgoing
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.size_limits import SizeLimits
from tests.streams.fakes import HEADERS, flat, message

MOST = 20_000
LIMITS = SizeLimits(MOST)
LETTERS = DeadLetters("x.dead-letters", "route")
_headers = st.lists(st.tuples(st.sampled_from(["a", "ce_id"]), st.none() | st.binary(max_size=8)), max_size=4)


@given(
    st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=200), _headers, st.text(max_size=50)
)
def test_a_letter_keeps_the_message_and_adds_why(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], reason: str
) -> None:
    came = message(value, topic="x.requests", partition=2, offset=7, key=key, headers=headers)
    letter = LETTERS.letter(came, reason)
    assert (letter.topic, letter.key, letter.value) == ("x.dead-letters", key, value)
    assert letter.headers is not None
    assert letter.headers[: len(headers)] == headers
    assert letter.headers[len(headers) :] == [
        ("_dlq.errors.topic", b"x.requests"),
        ("_dlq.errors.partition", b"2"),
        ("_dlq.errors.offset", b"7"),
        ("_dlq.errors.timestamp", b"1000"),
        ("_dlq.errors.stage", b"route"),
        ("_dlq.errors.reason", reason.encode(errors="replace")),
    ]


def test_a_letter_names_only_the_last_failure() -> None:
    first = LETTERS.letter(message(b"v", offset=7), "first")
    again = message(first.value, offset=9, headers=first.headers)
    second = DeadLetters("x.dead-letters", "learn").letter(again, "second")
    names = [name for name, _ in second.headers or []]
    assert len(names) == len(set(names)) == len(HEADERS) + 6
    said = dict(second.headers or [])
    assert (said["_dlq.errors.stage"], said["_dlq.errors.reason"]) == (b"learn", b"second")


def test_undecodable_messages_become_letters() -> None:
    sent = [message(Request("a", "t", "x")), message(None), message(b"{"), message(Request("b", "t", "x"))]
    records, letters = LETTERS.decode_all(REQUEST, sent)
    assert [(record.id, kept) for record, kept in records] == [("a", sent[0]), ("b", sent[3])]
    assert [letter.value for letter in flat(letters)] == [None, b"{"]


def size(out: Outgoing) -> int:
    """Bytes that the broker counts."""
    headers = sum(len(name) + len(content or b"") for name, content in out.headers or [])
    return len(out.key or b"") + len(out.value or b"") + headers


@given(
    st.integers(0, 30_000), st.integers(0, 30_000), st.integers(0, 30_000), st.sampled_from(["e", "\u20ac"])
)
def test_a_letter_is_cut_only_if_too_large(key: int, value: int, reason: int, character: str) -> None:
    came = message(b"v" * value, key=b"k" * key, offset=7, headers=[])
    whole = LETTERS.letter(came, character * reason)
    (fitting,) = LETTERS.fitting([whole], LIMITS)
    assert size(fitting) <= MOST
    said: dict[str, Any] = dict(fitting.headers or [])
    assert (said["_dlq.errors.offset"], said["_dlq.errors.stage"]) == (b"7", b"route")
    if size(whole) <= MOST // 2:
        assert fitting == whole
    elif size(whole) > MOST:
        assert fitting.value is None
        assert b"too large to be repeated" in said["_dlq.errors.reason"]


def test_an_output_too_large_names_size_and_topic() -> None:
    fits, large = Outgoing("x.labels", b"k", b"v"), Outgoing("x.labels", b"k", b"v" * MOST, [("ab", b"c")])
    assert LETTERS.fitting([fits], LIMITS) == [fits]
    with pytest.raises(OutputTooLarge, match=rf"{MOST + 4} bytes for x\.labels"):
        LETTERS.fitting([fits, large], LIMITS)


def test_each_topic_has_its_own_limit() -> None:
    limits = SizeLimits(MOST, {"x.dead-letters": 2_500, "x.labels": 5_000})
    labels = Outgoing("x.labels", b"k", b"v" * 4_500)
    with pytest.raises(OutputTooLarge, match=r"x\.labels .* which leave 3500 "):
        LETTERS.fitting([labels], limits)
    assert LETTERS.fitting([labels._replace(topic="x.deferrals")], limits)
    (letter,) = LETTERS.fitting([LETTERS.letter(message(b"v", key=b"k" * 900), "why " * 500)], limits)
    assert size(letter) <= 1_500
    assert letter.value is None
    said = bytes(dict(letter.headers or [])["_dlq.errors.reason"])  # type: ignore[arg-type]
    assert said.startswith(b"why why")
    limits.update({"x.labels": 100_000})
    assert LETTERS.fitting([labels], limits) == [labels]
