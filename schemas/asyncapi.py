"""AsyncAPI 3.0 document of the topics and their messages, generated from the types of those."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from schemas.events import DETAILS, Event, EventKind
from schemas.field_docs import class_doc
from schemas.json_schema import MESSAGES, schema_definitions
from schemas.messages import Label, Request
from schemas.topics import Topics

_DEFINITIONS = "#/components/schemas/{name}"

_WAITING = "Deferrals that the built-in teacher puts off, unchanged; a teacher of your own leaves them alone."
_ENCODINGS = "Texts that wait for a vector, from `route` to `encode`; nobody else reads them."
_AUDITS = "What the teacher is asked although no client waits: read it too to bring your own teacher."


def asyncapi(topics: Topics, version: str) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of a deployment: its channels, what they carry, who writes and who reads.

    The events channel carries one message for each kind of event, with the schema of that kind's details.

    Args:
        topics: names of the channels.
        version: of Understudy.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Understudy", "version": version, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "channels": {
            name: _channel(address, messages) for name, (address, messages) in _channels(topics).items()
        },
        "operations": {
            "request": _operation("receive", "requests", "Understudy classifies what clients send here."),
            "encode": _operation("send", "encodings", _ENCODINGS),
            "label": _operation(
                "send", "labels", "Every request gets one label, or an error, which a label may replace."
            ),
            "defer": _operation("send", "deferrals", "What the teacher is asked: read it to bring your own."),
            **({"audit": _operation("send", "audits", _AUDITS)} if topics.audit_lane else {}),
            "wait": _operation("send", "waiting", _WAITING),
            "reply": _operation("receive", "replies", "The teacher's answers."),
            "trace": _operation("send", "traces", "The training log."),
            "fail": _operation("send", "audit-failures", "Audits that the teacher has refused to answer."),
            "configure": _operation("receive", "config", "What operators tune, keyed by task or `*`."),
            "tell": _operation("send", "events", "What happened."),
            "correct": _operation("receive", "feedback", "What is true of requests, as people tell later."),
            "forget": _operation("receive", "forgotten", "Requests whose texts must not be used any more."),
        },
        "components": {
            "messages": _messages(),
            "schemas": schema_definitions((*MESSAGES.values(), *DETAILS.values()), _DEFINITIONS),
        },
    }


def _channels(topics: Topics) -> dict[str, tuple[str, Sequence[str]]]:
    """Each channel's topic, and the names of the messages that it carries."""
    return {
        "requests": (topics.requests, ["Request"]),
        "encodings": (topics.encodings, ["Encoding"]),
        "labels": (topics.labels, ["Label"]),
        "deferrals": (topics.deferrals, ["Deferral"]),
        **({"audits": (topics.audits, ["Deferral"])} if topics.audit_lane else {}),
        "waiting": (topics.waiting, ["Deferral"]),
        "replies": (topics.replies, ["Reply"]),
        "traces": (topics.traces, ["Trace"]),
        "audit-failures": (topics.audit_failures, ["AuditFailure"]),
        "config": (topics.config, ["Config"]),
        "events": (topics.events, [_event_name(kind) for kind in DETAILS]),
        "feedback": (topics.feedback, ["Feedback"]),
        "forgotten": (topics.forgotten, ["Forgotten"]),
    }


def _messages() -> dict[str, dict[str, Any]]:
    """All messages, one for each kind of event among them."""
    plain = [message for message in MESSAGES.values() if message is not Event]
    return {
        **{message.__name__: _message(message, _schema(message)) for message in plain},
        **{
            _event_name(kind): _message(details, _event_payload(kind, details))
            for kind, details in DETAILS.items()
        },
    }


def _message(about: type[msgspec.Struct], payload: dict[str, Any]) -> dict[str, Any]:
    """A message whose summary is what a type says of itself."""
    headers = {"headers": _HEADERS[about]} if about in _HEADERS else {}
    return {"summary": class_doc(about).partition("\n")[0], **headers, "payload": payload}


def _header_schema(described: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: {"type": "string", "description": said} for name, said in described.items()}
    return {"type": "object", "properties": fields}


_TRACE_CONTEXT = dict.fromkeys(
    ("traceparent", "tracestate", "baggage"), "W3C trace context; goes with the request to its label"
)
_HEADERS: Mapping[type[msgspec.Struct], dict[str, Any]] = MappingProxyType(
    {
        Request: _header_schema(
            {
                **_TRACE_CONTEXT,
                "understudy-vector-f32": "the vector as little-endian float32, in place of `embedding`",
                "understudy-vector-f16": "the same as float16",
                "understudy-vector-i8": "a float32 scale, then int8 numbers to be multiplied by it",
                "understudy-give-up-after": "seconds from the request for which the client would wait",
                "ce_specversion": "with it the request is a CloudEvent, and so is its label",
            }
        ),
        Label: _header_schema(
            {
                **_TRACE_CONTEXT,
                "ce_specversion": "1.0, where the request is a CloudEvent; so are those below",
                "ce_id": "the request's `id`; of an error, another one",
                "ce_source": "urn of topic and task",
                "ce_type": "understudy.label",
                "ce_time": "`labelled_at`, as RFC 3339 has it",
                "ce_causationid": "the request's `ce_id`",
                "content-type": "application/json",
            }
        ),
    }
)


def _event_payload(kind: EventKind, details: type[msgspec.Struct]) -> dict[str, Any]:
    """An event whose details are those of its kind."""
    of_kind = {"properties": {"kind": {"const": kind.value}, "details": _schema(details)}}
    return {"allOf": [_schema(Event), of_kind]}


def _event_name(kind: EventKind) -> str:
    return f"Event.{kind.value}"


def _schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    return {"$ref": _DEFINITIONS.format(name=message.__name__)}


def _channel(address: str, messages: Sequence[str]) -> dict[str, Any]:
    references = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {"address": address, "messages": references}


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
