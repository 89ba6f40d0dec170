"""Spans of OTLP in JSON, as the collector's file exporter writes them: calls of models by `gen_ai.*` names.

Both the attributes of today (`gen_ai.input.messages`) and the events and attributes of before are read, and
OpenInference's (`llm.input_messages.0.message.content`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.seed.conversation import FAILED, NO_ANSWER, NO_TEXT, asked_text, said_by
from infra.seed.rows import LeftOut, Read, Row, as_text, from_json, part_of, unix_time

_ERROR = 2
_OPERATIONS = (
    "chat",
    "text_completion",
    "generate_content",
    "completion",
)
_INDEXED = re.compile(r"(?:gen_ai|llm)\.(prompt|completion|input_messages|output_messages)\.(\d+)\.(.+)")
_ASKED = (
    "prompt",
    "input_messages",
)

Attributes = dict[str, Any]


def is_otlp(record: Mapping[str, Any]) -> bool:
    return "resourceSpans" in record


def read_spans(record: Mapping[str, Any], place: str, where: Mapping[str, str]) -> Iterator[Read]:
    """A row for each span that is a call of a model and has these attributes; others are passed over."""
    for resource in _list(record, "resourceSpans"):
        for scope in _list(resource, "scopeSpans"):
            for number, span in enumerate(_list(scope, "spans"), 1):
                attributes = _attributes(span)
                wanted = all(str(attributes.get(name)) == value for name, value in where.items())
                if wanted and _is_call(attributes):
                    yield _read_span(span, attributes, f"{place}, span {number}")


def _is_call(attributes: Attributes) -> bool:
    operation = attributes.get("gen_ai.operation.name", attributes.get("llm.request.type"))
    if operation is not None:
        return str(operation) in _OPERATIONS
    kind = attributes.get("openinference.span.kind")
    return kind == "LLM" if kind else any(name.startswith("gen_ai.request.model") for name in attributes)


def _read_span(span: Any, attributes: Attributes, place: str) -> Read:
    if part_of(part_of(span, "status"), "code") in (_ERROR, "STATUS_CODE_ERROR"):
        return LeftOut(place, FAILED)
    asked, answered = _messages(span, attributes)
    text = LeftOut(place, NO_TEXT) if asked is None else asked_text(asked, place)
    said = LeftOut(place, NO_ANSWER) if answered is None else said_by(answered, place)
    if isinstance(text, LeftOut):
        return text
    if isinstance(said, LeftOut):
        return said
    names = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
    model = next((found for name in names if (found := as_text(attributes.get(name)))), None)
    trace, own = part_of(span, "traceId"), part_of(span, "spanId")
    at = unix_time(part_of(span, "startTimeUnixNano"))
    return Row(place, said, text, id=f"{trace}-{own}" if trace and own else None, at=at, model=model)


def _messages(span: Any, attributes: Attributes) -> tuple[Any, Any]:
    """What was asked and what was answered, in whichever way the span says it; None where it does not."""
    asked, answered = _indexed(attributes)
    for event in _list(span, "events"):
        of_event, name = _attributes(event), str(part_of(event, "name"))
        attributes = {**of_event, **attributes}
        if name in ("gen_ai.user.message", "gen_ai.system.message"):
            role = name.split(".")[1]
            asked.append(
                {"role": role, "content": of_event.get("content", of_event.get("gen_ai.event.content"))}
            )
        elif name == "gen_ai.choice":
            answered.append(from_json(of_event.get("message", of_event.get("gen_ai.event.content"))))
    return (
        attributes.get("gen_ai.input.messages") or asked or attributes.get("gen_ai.prompt"),
        attributes.get("gen_ai.output.messages") or answered or attributes.get("gen_ai.completion"),
    )


def _indexed(attributes: Attributes) -> tuple[list[Any], list[Any]]:
    """Messages that are spread over attributes with numbers in their names."""
    found: dict[tuple[bool, int], dict[str, Any]] = {}
    for name, value in attributes.items():
        if parts := _INDEXED.fullmatch(name):
            message = found.setdefault((parts[1] in _ASKED, int(parts[2])), {})
            message[parts[3].removeprefix("message.")] = value
    for message in found.values():
        call = message.get("tool_calls.0.arguments", message.get("tool_calls.0.tool_call.function.arguments"))
        if call is not None and not message.get("content"):
            message["tool_calls"] = [{"arguments": call}]
    ordered = sorted(found.items())
    return [one for (is_asked, _), one in ordered if is_asked], [
        one for (is_asked, _), one in ordered if not is_asked
    ]


def _attributes(holder: Any) -> Attributes:
    return {str(part_of(one, "key")): _value(part_of(one, "value")) for one in _list(holder, "attributes")}


def _value(value: Any) -> Any:
    """A value of OTLP without the name of its type."""
    if not isinstance(value, Mapping) or not value:
        return None
    [(kind, inner), *_] = value.items()
    if kind == "arrayValue":
        return [_value(one) for one in _list(inner, "values")]
    if kind == "kvlistValue":
        return {str(part_of(one, "key")): _value(part_of(one, "value")) for one in _list(inner, "values")}
    return inner


def _list(holder: Any, name: str) -> Sequence[Any]:
    found = part_of(holder, name)
    return found if isinstance(found, list) else []
