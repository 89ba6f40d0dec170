"""A call that asks for one label of one text is a question; anything else is not."""

import json
from typing import Any

import pytest

from schemas.chat import ChatConfig
from streams.gateway.chat.answer_api import ChatCompletions
from streams.gateway.chat.conversation import NotAQuestion
from streams.gateway.chat.forms import FunctionArgument, JsonField, PlainText
from streams.gateway.chat.question import ChatQuestion, read_question

LABELS = ("no", "yes")
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no", "maybe"]}, "why": {"type": "string"}},
    "required": ["answer"],
}
FUNCTION = {"type": "function", "function": {"name": "say", "parameters": SCHEMA}}
NAMED = {"type": "function", "function": {"name": "say"}}


def call(**given: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "yes or no?"}, {"role": "user", "content": "is it?"}]
    return {"model": "m", "messages": messages} | given


def read(config: ChatConfig | None = None, **given: Any) -> ChatQuestion:
    return read_question(call(**given), config or ChatConfig(), LABELS)


def format_of(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": schema}}


def with_label(**keywords: Any) -> Any:
    """The schema, whose label has further keywords."""
    return {**SCHEMA, "properties": {"answer": {"enum": ["yes", "no"], **keywords}}}


def test_the_last_user_message_is_the_text() -> None:
    plain = read(temperature=0.7, n=1, logprobs=None, stream=True, stream_options={"include_usage": True})
    assert (plain.text, plain.form, plain.api) == ("is it?", PlainText(), ChatCompletions(True, True))
    parts = read(messages=[{"role": "user", "content": [{"type": "text", "text": "is it?"}]}])
    assert (parts.text, parts.api) == ("is it?", ChatCompletions(False, False))


def test_a_pattern_finds_the_text() -> None:
    config = ChatConfig(text=r"Ticket:\s*(?P<text>.*?)\s*END")
    found = read(config, messages=[{"role": "user", "content": "Ticket:\n broken\nEND thanks"}])
    assert found.text == "broken"
    with pytest.raises(NotAQuestion, match=r"chat\.text"):
        read(config)


def prompt_of(message: str, pattern: str) -> str:
    return read(ChatConfig(text=pattern), messages=[{"role": "user", "content": message}]).prompt


def test_the_rest_of_a_message_belongs_to_the_prompt() -> None:
    pattern = r"Ticket (?P<ignored_number>\d+)?: (.*)"
    first = prompt_of("Choose one.\nTicket 1: broken", pattern)
    assert prompt_of("Choose one.\nTicket 22: late", pattern) == first
    assert prompt_of("Choose any.\nTicket 1: broken", pattern) != first
    assert prompt_of("Choose one.\nTicket : broken", pattern) != first
    assert prompt_of("Choose one.\nTicket 1: broken", r"Ticket \d+: (.*)") != first


TICKET: dict[str, Any] = {"id": 7, "lang": "en", "ticket": {"lines": ["Dear you", "it is broken"], "n": 1.5}}


def of_json(message: Any, **config: Any) -> ChatQuestion:
    content = message if isinstance(message, str) else json.dumps(message)
    settings = ChatConfig(**{"text_path": "$.ticket.lines[1]"} | config)
    return read(settings, messages=[{"role": "user", "content": content}])


def test_a_path_finds_the_text_in_json() -> None:
    assert of_json(TICKET).text == "it is broken"
    assert of_json(TICKET, text_path="$['ticket']['lines'][-1]").text == "it is broken"
    assert of_json('"is it?"', text_path="$").text == "is it?"
    assert of_json(TICKET, text="it is (.*)").text == "broken"


def test_the_rest_of_the_json_belongs_to_the_prompt() -> None:
    varied = {"ignored_paths": ("$.id", "$.none", "$.ticket.lines[1]", "$.ticket.n")}
    first = of_json(TICKET, **varied)
    other = {"ticket": {"n": 2, "lines": ["Dear you", "it is late"]}, "lang": "en", "id": 8}
    assert of_json(other, **varied).prompt == first.prompt
    assert of_json({**other, "lang": "fr"}, **varied).prompt != first.prompt
    assert of_json(other).prompt != of_json(TICKET).prompt
    assert (
        of_json({**TICKET, "lang": "fr"}, ignored_paths=("$",)).prompt
        == of_json(TICKET, ignored_paths=("$",)).prompt
    )
    assert of_json(TICKET, text="it is (.*)").prompt == of_json(TICKET, text="it is (brok.*)").prompt
    assert of_json(TICKET, text="it (is broken)").prompt != of_json(TICKET, text="it is (.*)").prompt


SHOTS = [
    {"role": "user", "content": "is it late?"},
    {"role": "assistant", "content": "no"},
    {"role": "user", "content": "is it?"},
]


def in_body(messages: Any, path: str = "$.messages[-1].content", **given: Any) -> ChatQuestion:
    config = ChatConfig(text_path=path, text_in="body", ignored_paths=("$.messages[0].name",))
    return read(config, messages=messages, **given)


def test_a_path_into_the_body_finds_the_text_after_examples() -> None:
    first = in_body(SHOTS)
    assert (first.text, first.form) == ("is it?", PlainText())
    assert in_body([*SHOTS[:2], {"role": "user", "content": "was it?"}]).prompt == first.prompt
    assert in_body([{**SHOTS[0], "name": "a"}, *SHOTS[1:]]).prompt != first.prompt, "there is a name now"
    names = [in_body([{**SHOTS[0], "name": name}, *SHOTS[1:]]).prompt for name in "ab"]
    assert names[0] == names[1]
    assert in_body([SHOTS[0], {"role": "assistant", "content": "yes"}, SHOTS[2]]).prompt != first.prompt
    assert in_body(SHOTS[2:]).prompt != first.prompt


def test_a_field_that_holds_the_text_is_known() -> None:
    fields = {"ticket": {"body": "is it?", "language": "en"}}
    found = in_body(SHOTS, "$.ticket.body", **fields)
    assert found.text == "is it?"
    other = {"ticket": {"body": "was it?", "language": "en"}}
    assert in_body(SHOTS, "$.ticket.body", **other).prompt == found.prompt
    assert in_body(SHOTS[:1], "$.ticket.body", **other).prompt != found.prompt
    other["ticket"]["language"] = "fr"
    assert in_body(SHOTS, "$.ticket.body", **other).prompt != found.prompt


@pytest.mark.parametrize("given", [{"n": 2}, {"surprise": 1}, {"messages": [{"content": 5}]}])
def test_a_body_that_asks_for_more_is_no_question(given: dict[str, Any]) -> None:
    for path in ("$.messages[-1].content", "$.messages[0]", "$", "$.nothing"):
        with pytest.raises(NotAQuestion):
            read(ChatConfig(text_path=path, text_in="body"), **{"messages": SHOTS} | given)


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[" * 9_999,
        "{}",
        {"ticket": {"lines": ["a"]}},
        {"ticket": {"lines": ["a", 5]}},
        '"\\ud800"',
    ],
)
def test_json_without_the_text_is_no_question(message: Any) -> None:
    with pytest.raises(NotAQuestion, match="text_path"):
        of_json(message)


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ({"response_format": {"type": "text"}}, PlainText()),
        ({"response_format": format_of(SCHEMA)}, JsonField("answer")),
        ({"tools": [FUNCTION], "tool_choice": NAMED}, FunctionArgument("say", "answer", "stop")),
        ({"tools": [FUNCTION], "tool_choice": "required"}, FunctionArgument("say", "answer", "tool_calls")),
    ],
)
def test_the_form_is_the_one_that_is_asked_for(given: dict[str, Any], form: object) -> None:
    assert read(**given).form == form


def test_notes_in_a_schema_change_nothing() -> None:
    schema = with_label(type=["string", "null"], title="Answer", default="no")
    notes = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A", "$defs": {}}
    assert read(response_format=format_of({**schema, **notes})).form == JsonField("answer")


def test_a_json_object_needs_a_field_by_config() -> None:
    wanted: dict[str, Any] = {"response_format": {"type": "json_object"}}
    assert read(ChatConfig(field="label"), **wanted).form == JsonField("label")
    with pytest.raises(NotAQuestion, match=r"chat\.field"):
        read(**wanted)


_OTHER = {"type": "function", "function": {"name": "other", "parameters": SCHEMA}}
_TURNS = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "yes"},
    {"role": "user", "content": "b"},
]


@pytest.mark.parametrize(
    "given",
    [
        {"n": 2},
        {"logprobs": True},
        {"stop": ["x"]},
        {"logit_bias": {"1": 5}},
        {"surprise": 1},
        {"n": True},
        {"n": 1.0},
        {"logprobs": 0},
        {"max_tokens": 0},
        {"max_completion_tokens": True},
        {"temperature": 99},
        {"temperature": "0"},
        {"top_p": -0.1},
        {"seed": 1.5},
        {"stream": 1},
        {"stream": "true"},
        {"stream_options": {"include_usage": True}},
        {"stream": True, "stream_options": 5},
        {"metadata": 5},
        {"service_tier": {}},
        {"modalities": ["text", "audio"]},
        {"messages": []},
        {"messages": "hello"},
        {"messages": _TURNS},
        {"messages": [{"role": "system", "content": "a"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": "a", "tool_calls": []}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"tools": [FUNCTION]},
        {"tools": [FUNCTION], "tool_choice": "auto"},
        {"tools": [FUNCTION, _OTHER], "tool_choice": "required"},
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "unknown"}}},
        {"tools": [FUNCTION], "tool_choice": NAMED, "response_format": format_of(SCHEMA)},
        {"tool_choice": NAMED},
        {"tools": "x", "tool_choice": "required"},
        {"tools": 5, "tool_choice": "required"},
        {"tools": [{"type": "function", "function": {"name": ["say"]}}], "tool_choice": "required"},
        {"response_format": format_of({**SCHEMA, "required": [["answer"]]})},
        {"response_format": "json"},
        {"response_format": {"type": "json_object"}},
        {"response_format": format_of({**SCHEMA, "required": ["answer", "why"]})},
        {"response_format": format_of({**SCHEMA, "type": "array"})},
        {"response_format": format_of({"type": "object", "properties": {"a": {"enum": ["yes"]}}})},
        {"response_format": format_of({"type": "object", "properties": {"a": {"enum": [1, 2]}}})},
        {"response_format": format_of(None)},
        {"response_format": format_of({**SCHEMA, "allOf": [{"required": ["why"]}]})},
        {"response_format": format_of({**SCHEMA, "minProperties": 2})},
        {"response_format": format_of(with_label(type="array"))},
        {"response_format": format_of(with_label(type=["null", "integer"]))},
        {"response_format": format_of(with_label(pattern="x"))},
    ],
)
def test_all_else_is_no_question(given: dict[str, Any]) -> None:
    with pytest.raises(NotAQuestion):
        read(**given)


def test_two_fields_with_labels_need_the_config() -> None:
    listed = {"type": "string", "enum": ["yes", "no"]}
    schema = {"type": "object", "properties": {"a": listed, "b": listed}}
    with pytest.raises(NotAQuestion, match="2 fields"):
        read(response_format=format_of(schema))
    assert read(ChatConfig(field="b"), response_format=format_of(schema)).form == JsonField("b")


def test_another_prompt_is_another_identity() -> None:
    same = read(temperature=0.1, seed=7, stream=True).prompt
    assert read().prompt == same
    assert read(messages=[{"role": "user", "content": "other text"}]).prompt != same
    assert read(messages=[*call()["messages"][:1], {"role": "user", "content": "other text"}]).prompt == same
    assert read(response_format=format_of(SCHEMA)).prompt != same
    assert read(reasoning_effort="high").prompt != same
