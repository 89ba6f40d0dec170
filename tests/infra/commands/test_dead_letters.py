"""dead-letters on an embedded broker: what is listed, shown and said; nothing is sent without --yes."""

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Message

from schemas.codec import REPLY
from schemas.messages import Reply
from streams.dead_letters import letters as dead_letters
from streams.dead_letters.letters import Position, read_letter
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.topic_client import Reader, write_messages
from streams.settings import Settings
from tests.infra.conftest import Run
from tests.streams.fakes import deferral, message

RAW = b"\xff\x00 not JSON"
REASON = "no answer\x1b[2J within 30 s"


@pytest.fixture
def written(settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A letter of each of two roles, in partition 0 in this order, since they have the same key."""
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    topics = settings.topics
    replied = message(REPLY.encode(Reply(deferral(), error="x")), topic=topics.replies, offset=3)
    unread = message(RAW, topic=topics.requests, offset=4)
    write_messages(settings, [DeadLetters(topics.dead_letters, "learn").letter(replied, REASON)])
    write_messages(settings, [DeadLetters(topics.dead_letters, "route").letter(unread, "not JSON")])
    return settings


def positions(settings: Settings) -> list[str]:
    reader = Reader(settings, settings.topics.dead_letters, from_start=True)
    found = [f"{one.partition()}:{one.offset()}" for one in reader.to_end()]
    reader.close()
    return found


def test_letters_are_listed_and_shown_whole(written: Settings, understudy: Run) -> None:
    first, second = positions(written)
    shown = understudy("dead-letters", "list")
    header, learned, routed = shown.out.splitlines()
    assert header.split() == ["position", "time", "stage", "replays", "task", "id", "reason"]
    assert learned.startswith(first)
    assert learned.endswith("r1                        no answer?[2J within 30 s")
    assert routed.startswith(second)
    assert routed.split()[-4:] == ["?", "?", "not", "JSON"]
    assert "\x1b" not in shown.out
    (one,) = json.loads(understudy("dead-letters", "list", "--stage", "learn", "--json").out)["letters"]
    assert (one["position"], one["id"], one["reason"], one["replayed"]) == (first, "r1", REASON, False)
    whole = json.loads(understudy("dead-letters", "show", second).out)
    assert whole["value"] == {"base64": "/wAgbm90IEpTT04="}
    assert ["tenant", "7"] in whole["headers"]
    assert (whole["topic"], whole["requested_at"]) == (written.topics.requests, 1000)
    letter = read_letter(written, Position.parse(second))
    assert letter is not None
    assert letter.value == RAW


def test_nothing_is_sent_without_yes(written: Settings, understudy: Run) -> None:
    first, second = positions(written)
    ended = understudy("dead-letters", "replay", first)
    assert ended.status == 0, ended.err
    assert ended.out.split() == [first, "would", "be", "sent", "to", written.topics.requests]
    assert "nothing was sent: add --yes" in ended.err
    assert positions(written) == [first, second]
    ended = understudy("dead-letters", "replay", "--json")
    assert ended.status == 1, "one is refused"
    report = json.loads(ended.out)
    assert report["sent"] is False
    assert [(one["to"], (one["refusal"] or "")[:15]) for one in report["replays"]] == [
        (written.topics.requests, ""),
        (None, "it can't be rea"),
    ]


def test_a_letter_that_is_named_takes_one_look_at_the_topic(
    written: Settings, understudy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = list[Settings](), dead_letters._messages

    def count(settings: Settings) -> Iterator[Message]:
        looks.append(settings)
        return look(settings)

    monkeypatch.setattr(dead_letters, "_messages", count)
    first, _ = positions(written)
    ended = understudy("dead-letters", "replay", first, "--yes")
    assert (ended.status, len(looks)) == (0, 1), ended.err


@pytest.mark.parametrize("chosen", [("--task", "other"), ("--since", "2999-01-01"), ("9:9",)])
def test_nothing_that_matches_is_a_finding(
    written: Settings, understudy: Run, chosen: tuple[str, ...]
) -> None:
    assert written
    ended = understudy("dead-letters", "replay", *chosen, "--yes")
    assert (ended.status, ended.out, ended.err) == (1, "", "no dead letter matches\n")


def test_there_is_no_letter_there(written: Settings, understudy: Run) -> None:
    assert written
    for position in ("0:999", "99:0"):
        ended = understudy("dead-letters", "show", position)
        assert (ended.status, ended.out) == (1, "")
        assert f"no dead letter at {position}" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "17"), "PARTITION:OFFSET"),
        (("show",), "POSITION"),
        (("replay", "a:b"), "PARTITION:OFFSET"),
        (("list", "--since", "soon"), "expected 30m, 2h or 7d"),
        (("list", "--stage", "nobody"), "--stage"),
        (("list", "--task", "no task"), "can't be the name of a task"),
    ],
)
def test_bad_usage_is_named(understudy: Run, arguments: tuple[str, ...], says: str) -> None:
    ended = understudy("dead-letters", *arguments)
    assert ended.status == 2
    assert says in ended.err
