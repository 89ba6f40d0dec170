"""AsyncAPI 3.0 document and JSON Schemas (2020-12) of the messages, generated from their types."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.config import Config
from schemas.events import DETAILS, Event, EventKind
from schemas.messages import (
    AuditFailure,
    Deferral,
    Encoding,
    Feedback,
    Forgotten,
    Label,
    Reply,
    Request,
    Trace,
)
from schemas.topics import Topics

_MESSAGES: tuple[type[msgspec.Struct], ...] = (
    Request,
    Encoding,
    Label,
    Deferral,
    Reply,
    Trace,
    AuditFailure,
    Config,
    Feedback,
    Forgotten,
)
_DEFINITIONS = "#/components/schemas/{name}"


def json_schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of one message, whole in itself."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(message)}


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
    _, schemas = msgspec.json.schema_components(
        (*_MESSAGES, Event, *DETAILS.values()), ref_template=_DEFINITIONS
    )
    payloads = _payloads()
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
            "messages": {name: {"payload": payload} for name, payload in payloads.items()},
            "schemas": schemas,
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


def _payloads() -> dict[str, dict[str, Any]]:
    """The schema of each message."""
    plain = {message.__name__: _schema(message) for message in _MESSAGES}
    events = {_event_name(kind): _event_payload(kind, details) for kind, details in DETAILS.items()}
    return {**plain, **events}


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
