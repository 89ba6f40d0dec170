"""Spans of OpenTelemetry that are calls of models, by the conventions of `gen_ai.*` and of OpenInference.

Both the attributes of today (`gen_ai.input.messages`) and the events and attributes of before are read, and
OpenInference's (`llm.input_messages.0.message.content`). A span is given as OTLP has it in JSON.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.messages import Usage
from streams.recorded_calls.conversation import CUT_OFF, FAILED, NO_ANSWER, NO_TEXT, end_reasons, is_cut_off
from streams.recorded_calls.rows import OURS, LeftOut, as_text, from_json, is_ours, part_of, unix_time

_ERROR = 2
_OPERATIONS = (
    "chat",
    "text_completion",
    "generate_content",
    "completion",
)
_INDEXED = re.compile(
    r"(?:gen_ai|llm)\.(prompt|completion|input_messages|output_messages)\.([0-9]{1,6})\.(.+)"
)
_SAYING_WHO = ("gen_ai.response.id", "output.value")
"""Attributes that hold the id of the response, and in OpenInference all of it as JSON."""
_ASKED = (
    "prompt",
    "input_messages",
)

_PROMPT_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_ANSWER_TOKENS = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
)
_CACHED_TOKENS = (
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    "llm.token_count.prompt_details.cache_read",
)
_MOST_TOKENS = 1_000_000_000

Attributes = dict[str, Any]


class SpanCall(NamedTuple):
    """What a span says of a call.

    Attributes:
        place: of the span, for messages.
        asked: the messages in one of the forms that `asked_text` reads.
        answered: the answer in one of the forms that `said_by` reads.
        id: of the trace and the span; None where the span has none.
        at: when the call began, Unix milliseconds.
        model: that answered, as the answer says.
        requested_model: that was asked for.
        attributes: of the span, over those of its resource.
    """

    place: str
    asked: Any
    answered: Any
    id: str | None
    at: int | None
    model: str | None
    requested_model: str | None
    attributes: Attributes


def usage_of(attributes: Attributes) -> Usage | None:
    """Tokens of a call, as its span says; None where it does not."""
    prompt, answer, cached = (
        _tokens(attributes, names) for names in (_PROMPT_TOKENS, _ANSWER_TOKENS, _CACHED_TOKENS)
    )
    return None if prompt is None and answer is None else Usage(prompt or 0, answer or 0, cached or 0)


def _tokens(attributes: Attributes, names: Sequence[str]) -> int | None:
    """The first number of tokens; OTLP writes whole numbers as text."""
    for name in names:
        try:
            found = int(attributes.get(name, ""))
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 <= found <= _MOST_TOKENS:
            return found
    return None


def is_otlp(record: Mapping[str, Any]) -> bool:
    return "resourceSpans" in record


def read_spans(
    record: Mapping[str, Any], place: str, where: Mapping[str, str]
) -> Iterator[SpanCall | LeftOut]:
    """A call for each span that is one and has these attributes; other spans are passed over."""
    for resource in _list(record, "resourceSpans"):
        shared = _attributes(part_of(resource, "resource"))
        for scope in _list(resource, "scopeSpans"):
            for number, span in enumerate(_list(scope, "spans"), 1):
                attributes = shared | _attributes(span)
                wanted = all(str(attributes.get(name)) == value for name, value in where.items())
                if wanted and _is_call(attributes):
                    yield _read_span(span, attributes, f"{place}, span {number}")


def _is_call(attributes: Attributes) -> bool:
    operation = attributes.get("gen_ai.operation.name", attributes.get("llm.request.type"))
    if operation is not None:
        return str(operation) in _OPERATIONS
    kind = attributes.get("openinference.span.kind")
    return kind == "LLM" if kind else any(name.startswith("gen_ai.request.model") for name in attributes)


def _read_span(span: Any, attributes: Attributes, place: str) -> SpanCall | LeftOut:
    if part_of(part_of(span, "status"), "code") in (_ERROR, "STATUS_CODE_ERROR"):
        return LeftOut(place, FAILED)
    asked, answered = _messages(span, attributes)
    if asked is None:
        return LeftOut(place, NO_TEXT)
    if answered is None:
        return LeftOut(place, NO_ANSWER)
    named = attributes.get("gen_ai.response.finish_reasons")
    if is_cut_off([*(named if isinstance(named, list) else [named]), *end_reasons(answered)]):
        return LeftOut(place, CUT_OFF)
    trace, own = part_of(span, "traceId"), part_of(span, "spanId")
    requested = _first_text(attributes, "gen_ai.request.model", "llm.model_name")
    answering = _first_text(attributes, "gen_ai.response.model")
    if is_ours(requested, answering, *(attributes.get(name) for name in _SAYING_WHO)):
        return LeftOut(place, OURS)
    return SpanCall(
        place,
        asked,
        answered,
        f"{trace}-{own}" if trace and own else None,
        unix_time(part_of(span, "startTimeUnixNano")),
        answering or requested,
        requested,
        attributes,
    )


def _first_text(attributes: Attributes, *names: str) -> str | None:
    return next((found for name in names if (found := as_text(attributes.get(name)))), None)


def _messages(span: Any, attributes: Attributes) -> tuple[Any, Any]:
    """What was asked and what was answered, in whichever way the span says it; None where it does not."""
    asked, answered = _indexed(attributes)
    for event in _list(span, "events"):
        of_event, name = _attributes(event), str(part_of(event, "name"))
        attributes = {**of_event, **attributes}
        if name in ("gen_ai.user.message", "gen_ai.system.message", "gen_ai.assistant.message"):
            role = name.split(".")[1]
            asked.append(
                {"role": role, "content": of_event.get("content", of_event.get("gen_ai.event.content"))}
            )
        elif name == "gen_ai.choice":
            answered.append(from_json(of_event.get("message", of_event.get("gen_ai.event.content"))))
    return (
        attributes.get("gen_ai.input.messages") or asked or attributes.get("gen_ai.prompt"),
        attributes.get("gen_ai.output.messages") or answered or attributes.get("gen_ai.completion") or None,
    )


def _indexed(attributes: Attributes) -> tuple[list[Any], list[Any]]:
    """Messages that are spread over attributes with numbers in their names."""
    found: dict[tuple[bool, int], dict[str, Any]] = {}
    for name, value in attributes.items():
        if parts := _INDEXED.fullmatch(name):
            message = found.setdefault((parts[1] in _ASKED, int(parts[2])), {})
            message[parts[3].removeprefix("message.")] = value
    ordered = [(is_asked, _indexed_message(fields)) for (is_asked, _), fields in sorted(found.items())]
    return [one for is_asked, one in ordered if is_asked], [one for is_asked, one in ordered if not is_asked]


def _indexed_message(fields: dict[str, Any]) -> dict[str, Any]:
    """The message whose fields have these names; of calls of tools, the first."""
    message = {name: value for name, value in fields.items() if "." not in name}
    for prefix in ("tool_calls.0.", "tool_calls.0.tool_call.function."):
        call = {name: fields[prefix + name] for name in ("name", "arguments") if prefix + name in fields}
        if "arguments" in call and not message.get("content"):
            message["tool_calls"] = [call]
    if any(name.startswith("tool_calls.1.") for name in fields):
        message["tool_calls"] = [{}, {}]
    return message


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
