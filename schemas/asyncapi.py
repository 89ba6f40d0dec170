"""The messages as documents for other languages, from the same types: JSON Schema 2020-12, AsyncAPI 3.0."""

from typing import Any

import msgspec

from schemas.config import Config
from schemas.messages import Deferral, Event, Label, Reply, Request, Trace
from schemas.names import Topics

_MESSAGES = (Request, Label, Deferral, Reply, Trace, Event, Config)
_DEFINITIONS = "#/components/schemas/{name}"


def json_schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of one message, whole in itself."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(message)}


def asyncapi(topics: Topics, version: str) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of a deployment: its channels, what they carry, who writes and who reads.

    Args:
        topics: names of the channels.
        version: of Understudy.
    """
    _, schemas = msgspec.json.schema_components(_MESSAGES, ref_template=_DEFINITIONS)
    channels = _channels(topics)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Understudy", "version": version, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "channels": {name: _channel(address, message) for name, (address, message) in channels.items()},
        "operations": {
            "request": _operation("receive", "requests", "Understudy classifies what clients send here."),
            "label": _operation("send", "labels", "Every request gets one label."),
            "defer": _operation("send", "deferrals", "What the teacher is asked: read it to bring your own."),
            "reply": _operation("receive", "replies", "The teacher's answers."),
            "trace": _operation("send", "traces", "The training log."),
            "configure": _operation("receive", "config", "What operators tune, keyed by task or `*`."),
            "tell": _operation("send", "events", "What happened."),
        },
        "components": {
            "messages": {
                message.__name__: {"payload": {"$ref": _DEFINITIONS.format(name=message.__name__)}}
                for message in _MESSAGES
            },
            "schemas": schemas,
        },
    }


def _channels(topics: Topics) -> dict[str, tuple[str, type[msgspec.Struct]]]:
    return {
        "requests": (topics.requests, Request),
        "labels": (topics.labels, Label),
        "deferrals": (topics.deferrals, Deferral),
        "replies": (topics.replies, Reply),
        "traces": (topics.traces, Trace),
        "config": (topics.config, Config),
        "events": (topics.events, Event),
    }


def _channel(address: str, message: type[msgspec.Struct]) -> dict[str, Any]:
    name = message.__name__
    return {"address": address, "messages": {name: {"$ref": f"#/components/messages/{name}"}}}


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
