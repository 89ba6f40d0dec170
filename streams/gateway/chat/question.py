"""Chat question: a call of chat completions that asks for one label of one text, or why it is none.

Whatever is not known to be such a call is forwarded as it is: several turns, images, several choices, log
probabilities, tools that the model may choose among, fields that nobody knows here, or that hold what the
LLM would refuse.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from schemas.chat import ChatConfig
from streams.gateway.chat.answer_api import AnswerApi, ChatCompletions
from streams.gateway.chat.conversation import (
    Fields,
    NotAQuestion,
    listed_values,
    read_conversation,
    require_plain_object,
    value_at,
)
from streams.gateway.chat.forms import AnswerForm, FunctionArgument, JsonField, PlainText
from streams.gateway.chat.known_fields import require_known_fields
from streams.gateway.chat.message_text import MessageText, find_text, find_text_in_body

_DIGITS = 12
SHAPE = ("response_format", "tools", "tool_choice")
"""Fields that say which form an answer has."""


class ChatQuestion(NamedTuple):
    """A call that asks for one label.

    Attributes:
        text: to be classified.
        form: of the answer.
        api: that the call speaks.
        prompt: hash of all but the text: half of the identity of the LLM that is asked like this.
    """

    text: str
    form: AnswerForm
    api: AnswerApi
    prompt: str


def read_question(call: Fields, config: ChatConfig, labels: Sequence[str]) -> ChatQuestion:
    """The question that a call asks.

    Args:
        labels: that an answer may have; a list of labels in the call has to hold them all. None: not known.

    Raises:
        NotAQuestion: it asks for something else.
    """
    instructions, found = _text_in_body(call, config) if config.text_in == "body" else _text(call, config)
    require_known_fields(call, found.field)
    stream, options = call.get("stream"), call.get("stream_options") or {}
    return ChatQuestion(
        text=found.text,
        form=_form(call, config, labels),
        api=ChatCompletions(stream is True, value_at(options, "include_usage") is True),
        prompt=_prompt_hash(call, config, instructions, found.rest),
    )


def _text(call: Fields, config: ChatConfig) -> tuple[Sequence[str], MessageText]:
    """The instructions, and the text of the user's one message. Raises NotAQuestion."""
    instructions, message = read_conversation(call.get("messages"))
    found = find_text(message, config)
    if found is None:
        raise NotAQuestion("`chat.text` or `chat.text_path` finds no text in the user's message")
    return instructions, found


def _text_in_body(call: Fields, config: ChatConfig) -> tuple[Sequence[str], MessageText]:
    """No instructions, since all messages belong to the rest, and the text. Raises NotAQuestion."""
    found = find_text_in_body(call, config)
    if found is None:
        raise NotAQuestion("`chat.text_path` (or `chat.text` in it) finds no text in the body")
    return (), found


def _form(call: Fields, config: ChatConfig, labels: Sequence[str]) -> AnswerForm:
    wanted = call.get("response_format") or {"type": "text"}
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if call.get("tools"):
        if kind != "text":
            raise NotAQuestion("the call has tools and a format")
        return _function(call["tools"], call.get("tool_choice"), config, labels)
    if call.get("tool_choice") not in (None, "none", "auto"):
        raise NotAQuestion("`tool_choice` without tools")
    if kind == "text":
        return PlainText(config.reply, config.label)
    if kind == "json_object" and config.field is not None:
        return JsonField(config.field)
    if kind == "json_schema":
        return JsonField(_label_field(value_at(wanted, "json_schema", "schema"), config, labels))
    raise NotAQuestion("the format does not say where the label is: set `chat.field`")


def _function(tools: Any, choice: Any, config: ChatConfig, labels: Sequence[str]) -> FunctionArgument:
    functions = _functions(tools)
    name, finish = value_at(choice, "function", "name"), "stop"
    if choice == "required" and len(functions) == 1:
        name, finish = next(iter(functions)), "tool_calls"
    if not isinstance(name, str) or name not in functions:
        raise NotAQuestion("the model may choose among tools")
    return FunctionArgument(name, _label_field(functions[name], config, labels), finish)


def _functions(tools: Any) -> dict[str, Any]:
    """The parameters of each function by its name."""
    found = {}
    for tool in tools if isinstance(tools, list) else ():
        name = value_at(tool, "function", "name")
        if not isinstance(name, str):
            raise NotAQuestion("a tool is no function")
        found[name] = value_at(tool, "function", "parameters")
    return found


def _label_field(schema: Any, config: ChatConfig, labels: Sequence[str]) -> str:
    """The field of a JSON schema that lists the labels."""
    fields = [name for name, listed in listed_values(schema).items() if set(labels) <= set(listed)]
    if config.field is not None:
        fields = [name for name in fields if name == config.field]
    if len(fields) != 1:
        raise NotAQuestion(f"{len(fields)} fields of the schema list the labels, instead of one")
    require_plain_object(schema, fields[0])
    required: Any = value_at(schema, "required") or []
    if not isinstance(required, list) or any(name not in fields for name in required):
        raise NotAQuestion("the schema requires more than the label")
    return str(fields[0])


def _prompt_hash(call: Fields, config: ChatConfig, instructions: Sequence[str], rest: str | None) -> str:
    shape = {name: call.get(name) for name in (*SHAPE, "reasoning_effort")}
    return prompt_hash({"instructions": instructions, **shape, "rest": rest, "label": config.label})


def prompt_hash(identity: Mapping[str, Any]) -> str:
    """12 hex digits over the parts of a prompt that are there."""
    parts = {name: value for name, value in identity.items() if value or name == "instructions"}
    return sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:_DIGITS]
