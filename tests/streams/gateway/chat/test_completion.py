"""What a form writes it reads again, whole or streamed; what says no label is an error."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import Usage
from streams.errors import UnreadableAnswer
from streams.gateway.chat.completion import SurrogateCompletion
from streams.gateway.chat.forms import AnswerForm, AssistantMessage, FunctionArgument, JsonField, PlainText
from streams.gateway.chat.upstream_reply import plain_body, read_completion

FORMS: list[AnswerForm] = [
    PlainText(),
    PlainText("Category: {label}!", r"Category: (?P<label>.*)!"),
    JsonField("answer"),
    FunctionArgument("say", "answer", "stop"),
]
_characters = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
_labels = st.text(_characters, min_size=1, max_size=20).filter(str.strip)


def completion(message: AssistantMessage) -> SurrogateCompletion:
    return SurrogateCompletion("r1", 7, "understudy/t", "v1", message)


@given(st.sampled_from(FORMS), _labels, st.booleans(), st.booleans())
def test_a_written_label_is_read_again(form: AnswerForm, label: str, streamed: bool, zipped: bool) -> None:
    answer = completion(form.write(label))
    body = b"".join(answer.chunks(with_usage=True)) if streamed else answer.encode()
    reply = read_completion(plain_body(gzip.compress(body) if zipped else body, "gzip" if zipped else ""))
    assert form.read(reply.message, [label, f"{label} and more"]) == label
    assert reply.usage == Usage(0, 0, 0)


def test_a_stream_may_begin_with_comments() -> None:
    stream = b": processing\n\n" + b"".join(completion(PlainText().write("yes")).chunks(with_usage=False))
    assert PlainText().read(read_completion(stream).message, ["yes"]) == "yes"


def test_a_stream_ends_as_the_api_has_it() -> None:
    answer = completion(PlainText().write("yes"))
    events = [event.removeprefix(b"data: ").strip() for event in answer.chunks(with_usage=True)]
    assert events[-1] == b"[DONE]"
    bodies = [json.loads(event) for event in events[:-1]]
    assert [body["choices"] for body in bodies][-1] == []
    assert [body["usage"] for body in bodies[:-1]] == [None] * 3
    assert [body["choices"][0]["finish_reason"] for body in bodies[:-1]] == [None, None, "stop"]
    assert all("usage" not in json.loads(event[6:]) for event in list(answer.chunks(with_usage=False))[:-1])


def body_of(**message: Any) -> bytes:
    finish = message.pop("finish", "stop")
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()


def tool(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (PlainText(), body_of(content="perhaps")),
        (PlainText(), body_of(content=None)),
        (PlainText(), body_of(content="yes", finish="length")),
        (PlainText(), body_of(content="yes", finish=None)),
        (PlainText(pattern="Label: (.*)"), body_of(content="yes")),
        (JsonField("a"), body_of(content='{"a": "perhaps"}')),
        (JsonField("a"), body_of(content='{"b": "yes"}')),
        (JsonField("a"), body_of(content='{"a": "y')),
        (FunctionArgument("f", "a", "stop"), body_of(content="yes")),
        (FunctionArgument("f", "a", "stop"), body_of(tool_calls=[tool("g", '{"a": "yes"}')])),
        (FunctionArgument("f", "a", "stop"), body_of(tool_calls=[tool("f", '{"a": "yes"}')] * 2)),
        (PlainText(), b'{"error": {"message": "no"}}'),
        (PlainText(), b"<html>"),
        (PlainText(), b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\n'),
    ],
)
def test_what_says_no_label_is_an_error(form: AnswerForm, body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        form.read(read_completion(body).message, ["yes", "no"])


@pytest.mark.parametrize(
    ("body", "encoding"), [(b"x", "gzip"), (b"{}", "br"), (gzip.compress(b"{}", mtime=0)[:9], "gzip")]
)
def test_a_body_that_can_not_be_unpacked_is_an_error(body: bytes, encoding: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read_completion(plain_body(body, encoding))


def test_usage_is_read() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    body = json.dumps({**json.loads(body_of(content="yes")), "usage": usage}).encode()
    assert read_completion(body).usage == Usage(9, 2, 4)
    unknown = json.dumps({**json.loads(body), "usage": {"prompt_tokens": -1}}).encode()
    assert read_completion(unknown).usage is None
