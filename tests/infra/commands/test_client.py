"""produce and consume on an embedded broker: ids, pace, pipes, joined labels, dead letters."""

import io
import json
import re
import sys
import time
from pathlib import Path

import pytest

from schemas.codec import LABEL, REQUEST
from schemas.messages import Label, Reason, Request
from streams.kafka.batch import Outgoing
from streams.kafka.message import Headers, as_bytes
from streams.kafka.topic_client import Reader, write_messages
from streams.settings import Settings
from tests.infra.conftest import Run


def sent(settings: Settings) -> list[Request]:
    """The requests on their topic, by text."""
    reader = Reader(settings, settings.topics.requests, from_start=True)
    requests = [REQUEST.decode(as_bytes(message.value())) for message in reader.to_end()]
    reader.close()
    return sorted(requests, key=lambda request: request.text or "")


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def label(id: str) -> bytes:  # noqa: A002 - as the message calls it
    return LABEL.encode(Label(id, "shop", "track", "teacher", Reason.NO_POLICY, 1, 2))


def test_produce_lists_the_ids_it_sent(understudy: Run, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,body,task\na,one,shop\n,two,toys\n")
    given = "produce", tmp_path / "in.csv", "--text-column", "body"
    ended = understudy(*given, "--ids", tmp_path / "sent.jsonl")
    assert (ended.status, ended.out) == (0, ""), ended.err
    listed = [json.loads(line) for line in (tmp_path / "sent.jsonl").read_text().splitlines()]
    assert [(one["row"], one["text"]) for one in listed] == [(1, "one"), (2, "two")]
    assert listed[0]["id"] == "a"
    assert [(one.id, one.task) for one in sent(settings)] == [("a", "shop"), (listed[1]["id"], "toys")]
    printed = understudy(*given, "--ids", "-")
    assert json.loads(printed.out.splitlines()[0]) == listed[0]
    assert "1 had no id and got one; --ids FILE" in understudy(*given).err


def test_a_pipe_is_sent_up_to_its_bad_line(
    understudy: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, b'{"text": "one"}\n\n{"text": "two", "id": 7}\n{"text": 5}\n{"text": "never"}\n')
    ended = understudy("produce", "-", "--task", "shop")
    assert ended.status == 2
    assert "-, line 4: " in ended.err
    assert "the 2 requests before it were sent" in ended.err
    assert [(one.text, one.task) for one in sent(settings)] == [("one", "shop"), ("two", "shop")]
    assert sent(settings)[1].id == "7"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b'{"text": "two", "task": "my shop"}', "line 2: `my shop` can't be the name of a task"),
        (b'{"text": 5}', "line 2: .*`\\$.text`"),
        (b'{"text": "\xff"}', "line 2, column 11: not UTF-8"),
        (b'{"id": "a"}', "line 2: .*needs `text`, `embedding` or both"),
    ],
)
def test_of_a_bad_file_nothing_is_sent(
    understudy: Run, settings: Settings, tmp_path: Path, row: bytes, says: str
) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "one"}\n' + row + b"\n")
    ended = understudy("produce", tmp_path / "in.jsonl")
    assert ended.status == 2
    assert re.search(says, ended.err), ended.err
    assert sent(settings) == []


@pytest.mark.parametrize("given", [b"hello\n", b"text,label\n", b""])
def test_a_pipe_without_a_request_is_refused(
    understudy: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch, given: bytes
) -> None:
    pipe(monkeypatch, given)
    ended = understudy("produce", "-")
    assert ended.status == 2
    assert "-: no request in it; expected" in ended.err
    assert sent(settings) == []


def test_an_impossible_task_is_refused_first(understudy: Run, settings: Settings) -> None:
    for command in (["ask", "hello"], ["produce", "-"]):
        ended = understudy(*command, "--task", "my shop")
        assert ended.status == 2
        assert "can't be the name of a task" in " ".join(ended.err.split())
    assert sent(settings) == []


def test_produce_keeps_to_its_rate(understudy: Run, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "one"}\n' * 11)
    began = time.monotonic()
    assert understudy("produce", tmp_path / "in.jsonl", "--rate", "20").status == 0
    assert time.monotonic() - began >= 0.5
    assert len(sent(settings)) == 11


def test_labels_are_joined_to_their_texts(understudy: Run, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text('{"id": "a", "text": "one"}\n{"id": "b", "text": "two"}\n')
    topic = settings.topics.labels
    write_messages(settings, [Outgoing(topic, b"k", raw) for raw in (b"{", label("other"), label("b"))])
    ended = understudy("consume", "labels", "--join", file, "--no-follow")
    assert ended.status == 0, ended.err
    [joined] = map(json.loads, ended.out.splitlines())
    assert (joined["row"], joined["text"], joined["label"]) == (2, "two", "track")
    assert "1 request without a label yet" in ended.err
    write_messages(settings, [Outgoing(topic, b"k", label("a"))])
    ended = understudy("consume", "labels", "--join", file)  # ends by itself: all have one
    assert {json.loads(line)["id"] for line in ended.out.splitlines()} == {"a", "b"}


def test_a_dead_letter_shows_its_reason(understudy: Run, settings: Settings) -> None:
    headers: Headers = [("_dlq.errors.reason", b"no text"), ("_dlq.errors.stage", b"route"), ("other", b"x")]
    headers += [("_dlq.errors.topic", b"r"), ("_dlq.errors.partition", b"1"), ("_dlq.errors.offset", b"42")]
    write_messages(settings, [Outgoing(settings.topics.dead_letters, b"k", b'{"id": \xff', headers)])
    ended = understudy("consume", "dead-letters", "--from-start", "--max", "1")
    assert json.loads(ended.out) == {
        "reason": "no text",
        "stage": "route",
        "topic": "r",
        "partition": 1,
        "offset": 42,
        "key": "k",
        "value": '{"id": \ufffd',
    }


def test_ask_names_the_tasks_where_none_is_meant(understudy: Run, settings: Settings) -> None:
    write_messages(settings, [Outgoing(settings.topics.labels, b"k", label("r"))])
    ended = understudy("ask", "hello")
    assert (ended.status, ended.out) == (2, "")
    assert "which task is the text for? Known are shop" in " ".join(ended.err.split())
    assert sent(settings) == []
