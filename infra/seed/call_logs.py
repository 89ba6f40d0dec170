"""Records of call logs: OpenAI's chats, responses and batches, LiteLLM's payloads, Langfuse's observations.

Each reader is given one record, and says None where the record is of another format.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.recorded_calls.conversation import (
    CUT_OFF,
    FAILED,
    NO_ANSWER,
    asked_text,
    end_reasons,
    is_conversation,
    is_cut_off,
    said_by,
)
from streams.recorded_calls.rows import (
    OURS,
    LeftOut,
    PastCall,
    Read,
    as_id,
    as_text,
    from_json,
    is_ours,
    part_of,
    unix_time,
)

NO_REQUEST = "a batch's answer without its request: name the batch's input with --requests"
NO_LABEL = "no label"
NOT_A_CALL = "not a call of a model"
_CALLS = (
    "completion",
    "acompletion",
    "text_completion",
    "atext_completion",
    "responses",
    "aresponses",
)
_GENERATIONS = (
    "GENERATION",
    "generation",
)

Record = Mapping[str, Any]


def read_litellm(record: Record, place: str) -> Read | None:
    """A payload of LiteLLM's loggers (`StandardLoggingPayload`)."""
    payload = record.get("standard_logging_object", record)
    if not isinstance(payload, Mapping) or "call_type" not in payload or "messages" not in payload:
        return None
    if payload["call_type"] not in _CALLS:
        return LeftOut(place, NOT_A_CALL)
    if payload.get("status") == "failure" or payload.get("error_str"):
        return LeftOut(place, FAILED)
    model = as_text(payload.get("model_group")) or as_text(payload.get("model"))
    return _row(place, payload["messages"], payload.get("response"), payload, "startTime", model)


def read_langfuse(record: Record, place: str) -> Read | None:
    """An observation as Langfuse exports it; in CSV its input and output are strings of JSON."""
    if not {"input", "output"} <= record.keys() or not record.keys() & {"traceId", "trace_id"}:
        return None
    if (kind := record.get("type")) is not None and kind not in _GENERATIONS:
        return LeftOut(place, NOT_A_CALL)
    if record.get("level") == "ERROR":
        return LeftOut(place, FAILED)
    model = as_text(record.get("model")) or as_text(record.get("providedModelName"))
    started = "startTime" if "startTime" in record else "start_time"
    return _row(place, record["input"], record["output"], record, started, model)


def read_batch(record: Record, place: str, requests: Mapping[str, Any]) -> Read | None:
    """An answer of OpenAI's batch API.

    Args:
        requests: bodies of the batch's requests, by `custom_id`.
    """
    if "custom_id" not in record or "response" not in record:
        return None
    response = record["response"]
    if record.get("error") or part_of(response, "status_code") not in (None, 200):
        return LeftOut(place, FAILED)
    request = requests.get(str(record["custom_id"]))
    if request is None:
        return LeftOut(place, NO_REQUEST)
    body = part_of(response, "body")
    found = _exchange(place, request, body)
    return found._replace(id=as_id(record["custom_id"])) if isinstance(found, PastCall) else found


def read_chat(record: Record, place: str) -> Read | None:
    """A request and its response, in one record; or a conversation that ends with the answer."""
    request = from_json(record.get("request", record.get("request_body")))
    response = from_json(record.get("response", record.get("response_body")))
    if isinstance(request, Mapping) and response is not None:
        found = _exchange(place, part_of(request, "body") or request, part_of(response, "body") or response)
        own = as_id(record.get("id"))
        return found._replace(id=own or found.id) if isinstance(found, PastCall) else found
    messages = from_json(record.get("messages", record.get("input")))
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        return None
    if response is not None or any(name in record for name in ("choices", "output")):
        return _exchange(place, record, record if response is None else response)
    if not messages or part_of(messages[-1], "role") != "assistant":
        return LeftOut(place, NO_ANSWER)
    return _row(place, messages[:-1], messages[-1], record, "created", as_text(record.get("model")))


def read_plain(record: Record, place: str, sources: Mapping[str, str]) -> Read:
    """A record with a field for the text and one for the label.

    Args:
        sources: which field holds what.
    """
    values = {name: field_of(record, field) for name, field in sources.items()}
    answer, asked = from_json(values["label"]), from_json(values["text"])
    said = said_by(answer, place) if isinstance(answer, list | Mapping) else _written(answer)
    if not said:
        return LeftOut(place, NO_LABEL)
    text = asked_text(asked, place) if is_conversation(asked) else _written(values["text"])
    for problem in (said, text):
        if isinstance(problem, LeftOut):
            return problem
    return PastCall(
        place,
        str(said),
        None if text is None else str(text),
        values["embedding"] if isinstance(values["embedding"], list) else None,
        as_id(values["id"]),
        unix_time(values["time"]),
        as_text(values["model"]),
        str(values["sampled"]).lower() not in ("false", "0", "no"),
        is_label=not isinstance(answer, list | Mapping),
    )


def _written(value: Any) -> str | None:
    """A cell as text; numbers and truth values are labels of some people."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) else None


def field_of(record: Record, name: str) -> Any:
    """The field of that name; a name with dots also leads into nested objects."""
    if name in record:
        return record[name]
    first, dot, rest = name.partition(".")
    inner = from_json(record.get(first)) if dot else None
    return field_of(inner, rest) if isinstance(inner, Mapping) else None


def _exchange(place: str, request: Any, response: Any) -> Read:
    """A request's body and the response's body."""
    asked = part_of(request, "messages")
    model = as_text(part_of(response, "model")) or as_text(part_of(request, "model"))
    created = "created" if part_of(response, "created") is not None else "created_at"
    record = response if isinstance(response, Mapping) else {}
    asked = part_of(request, "input") if asked is None else asked
    return _row(place, asked, response, record, created, model)


def _row(place: str, asked: Any, answer: Any, record: Record, started: str, model: str | None) -> Read:
    if is_cut_off(end_reasons(answer)):
        return LeftOut(place, CUT_OFF)
    said = from_json(answer)
    if is_ours(model, part_of(said, "model"), part_of(said, "id"), record.get("id")):
        return LeftOut(place, OURS)
    text, said = asked_text(asked, place), said_by(answer, place)
    if isinstance(text, LeftOut):
        return text
    if isinstance(said, LeftOut):
        return said
    return PastCall(
        place, said, text, id=as_id(record.get("id")), at=unix_time(record.get(started)), model=model
    )
