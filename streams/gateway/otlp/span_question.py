"""Span question: a recorded call of a model as the chat completion that it was, and as its answer.

Spans say less than calls. Where a span does not say which form the answer was to have, the form is taken from
the answer, and only for a task whose `chat.field` names the field that holds the label.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schemas.chat import ChatConfig
from streams.gateway.chat.conversation import NotAQuestion
from streams.gateway.chat.forms import AssistantMessage, ToolCall
from streams.gateway.chat.question import SHAPE
from streams.recorded_calls.conversation import (
    NO_ANSWER,
    SEVERAL_ANSWERS,
    only_message,
    said_by,
    tool_calls_of,
)
from streams.recorded_calls.rows import LeftOut, as_text, from_json, part_of
from streams.recorded_calls.spans import SpanCall

_PARAMETERS = ("llm.invocation_parameters", "gen_ai.request.parameters")
_SCHEMA = "gen_ai.request.structured_output_schema"
_OUTPUT, _TOOLS, _INSTRUCTIONS = "gen_ai.output.type", "gen_ai.tool.definitions", "gen_ai.system_instructions"
_TEXTS = ("text", "input_text", "output_text", None)


class RecordedChat(NamedTuple):
    """A call and its answer.

    Attributes:
        fields: of the chat completion, as far as the span says them.
    """

    fields: dict[str, Any]
    answer: AssistantMessage


def recorded_chat(call: SpanCall) -> RecordedChat:
    """The chat completion that a span records.

    Raises:
        NotAQuestion: it has no single answer.
    """
    answer = _answer(call)
    messages = [*_instructions(call), *_messages(call.asked)]
    model = call.requested_model or call.model
    fields = {"messages": messages, **_shape(call)}
    return RecordedChat(fields | ({"model": model} if model else {}), answer)


def with_form(chat: RecordedChat, config: ChatConfig, labels: Sequence[str]) -> dict[str, Any]:
    """The fields of the call, with the form that its answer has where the span says none."""
    fields, answer = dict(chat.fields), chat.answer
    if config.field is None:
        return fields
    if answer.tool is not None:
        if not fields.get("tools") and labels:
            listed = {"type": "object", "properties": {config.field: {"enum": list(labels)}}}
            function = {"name": answer.tool.name, "parameters": listed}
            fields["tools"] = [{"type": "function", "function": function}]
        if "tool_choice" not in fields:
            fields["tool_choice"] = {"type": "function", "function": {"name": answer.tool.name}}
    elif "response_format" not in fields and isinstance(from_json(answer.content), Mapping):
        fields["response_format"] = {"type": "json_object"}
    return fields


def _answer(call: SpanCall) -> AssistantMessage:
    """What the model said."""
    message = only_message(call.answered, call.place)
    calls = tool_calls_of(message) if isinstance(message, Mapping) else []
    if len(calls) > 1:
        raise NotAQuestion(SEVERAL_ANSWERS)
    said = said_by(call.answered, call.place)
    if isinstance(said, LeftOut):
        raise NotAQuestion(said.reason)
    if not calls:
        return AssistantMessage(said)
    name = as_text(part_of(part_of(calls[0], "function") or calls[0], "name"))
    if name is None:
        raise NotAQuestion(NO_ANSWER)
    return AssistantMessage(None, ToolCall(name, said), "tool_calls")


def _instructions(call: SpanCall) -> list[Any]:
    """Instructions that stand apart from the messages."""
    found = from_json(call.attributes.get(_INSTRUCTIONS))
    return [] if not found else [{"role": "system", "content": _content(found)}]


def _messages(asked: Any) -> list[Any]:
    """The messages as chat completions have them; what has no such form is kept, for its reader to refuse."""
    asked = from_json(asked)
    if isinstance(asked, str):
        return [{"role": "user", "content": asked}]
    if isinstance(asked, Mapping):
        asked = asked.get("messages", [asked])
    return [_message(one) for one in asked] if isinstance(asked, list) else []


def _message(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return message
    fields = {name: value for name, value in message.items() if name != "parts" and value is not None}
    return fields | {"content": _content(message.get("content", message.get("parts")))}


def _content(content: Any) -> Any:
    """A text, or a list of parts in the form of chat completions."""
    content = from_json(content) if isinstance(content, str) and '"type"' in content else content
    if not isinstance(content, list):
        return content
    return [_part(one) for one in content]


def _part(part: Any) -> Any:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    text = part_of(part, "text")
    text = part_of(part, "content") if text is None else text
    is_text = part_of(part, "type") in _TEXTS and isinstance(text, str)
    return {"type": "text", "text": text} if is_text else part


def _shape(call: SpanCall) -> dict[str, Any]:
    """The form that the call asked for."""
    attributes = call.attributes
    found = [from_json(attributes[name]) for name in _PARAMETERS if attributes.get(name)]
    given: Any = found[0] if found else {}
    shape = {name: given[name] for name in SHAPE if isinstance(given, Mapping) and given.get(name)}
    tools = from_json(attributes.get(_TOOLS))
    if isinstance(tools, list) and tools and "tools" not in shape:
        shape["tools"] = [_tool(one) for one in tools]
    schema = from_json(attributes.get(_SCHEMA))
    if isinstance(schema, Mapping) and "response_format" not in shape:
        shape["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    if attributes.get(_OUTPUT) == "json" and not shape:
        shape["response_format"] = {"type": "json_object"}
    return shape


def _tool(tool: Any) -> Any:
    """A tool as chat completions define it."""
    if not isinstance(tool, Mapping) or "function" in tool:
        return tool
    return {"type": "function", "function": {name: tool[name] for name in tool if name != "type"}}
