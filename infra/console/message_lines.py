"""Lines for people: a message of a topic, a dead letter with its reason, a label as a sentence."""

from typing import Any

import msgspec
from confluent_kafka import Message

from schemas.messages import Label
from schemas.secrets import masked, masked_values
from streams.kafka.dead_letters import PREFIX
from streams.kafka.message import as_bytes, headers_of, key_of

_NUMBERS = ("partition", "offset")


def message_line(message: Message) -> str:
    """The value as it is; `null` for a tombstone."""
    return (as_bytes(message.value()) or b"null").decode(errors="replace")


def masked_line(message: Message) -> str:
    """The value without secrets: of a topic that holds no customers' texts."""
    raw = message_line(message)
    try:
        return msgspec.json.encode(masked_values(msgspec.json.decode(raw))).decode()
    except (msgspec.DecodeError, RecursionError):
        return masked(raw)


def dead_letter_line(message: Message) -> str:
    """A JSON object: why and where the message failed, its key, and its value as text.

    `key` and `value` are None where the letter has none.
    """
    about: dict[str, Any] = {
        name.removeprefix(PREFIX): _text(as_bytes(value))
        for name, value in headers_of(message)
        if name.startswith(PREFIX)
    }
    for name in _NUMBERS:
        about[name] = int(about[name]) if str(about.get(name, "")).isdigit() else None
    first = {name: about.pop(name, None) for name in ("reason", "stage", "topic")}
    first["reason"] = masked_values(first["reason"])
    content = {"key": _text(key_of(message)), "value": _text(as_bytes(message.value()))}
    return msgspec.json.encode({**first, **about, **content}).decode()


def label_sentence(label: Label) -> str:
    """A label, who gave it, and how long that took."""
    if label.label is None:
        return f"no label: {label.error}"
    took = f"{label.labelled_at - label.requested_at} ms"
    if label.source != "surrogate":
        return f"{label.label}  (teacher, {label.reason}, {took})"
    if label.score is None or label.threshold is None:
        return f"{label.label}  (surrogate {label.policy}, {took})"
    score = f"score {label.score:.3f} >= threshold {label.threshold:.3f}"
    return f"{label.label}  (surrogate {label.policy}, {score}, {took})"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
