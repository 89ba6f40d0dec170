"""Conversation: instructions, then one text of the user; and what a JSON schema lists."""

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]

_MESSAGE = frozenset({"role", "content", "name"})
_INSTRUCTIONS = frozenset({"system", "developer"})
_NOTES = frozenset({"title", "description", "$comment", "default", "examples"})
_PLAIN_OBJECT = _NOTES | {
    *("type", "properties", "required", "additionalProperties", "propertyOrdering"),
    *("$schema", "$id", "$defs", "definitions"),
}
_PLAIN_FIELD = _NOTES | {"type", "enum"}
"""Keywords of a JSON schema beside which any listed value is valid."""


class NotAQuestion(ValueError):
    """The call asks for something else than one label; says what."""


def read_conversation(messages: Any) -> tuple[tuple[str, ...], str]:
    """The instructions, and the one message of the user. Raises NotAQuestion."""
    if not isinstance(messages, list) or not messages:
        raise NotAQuestion("`messages` is no list of messages")
    *before, last = [_text_of(message) for message in messages]
    if last[0] != "user" or any(role not in _INSTRUCTIONS for role, _ in before):
        raise NotAQuestion("the conversation has several turns")
    return tuple(text for _, text in before), last[1]


def listed_values(schema: Any) -> dict[str, tuple[str, ...]]:
    """The values that a JSON schema lists for fields of an object, by their names.

    Raises:
        NotAQuestion: it is no schema of an object.
    """
    properties = value_at(schema, "properties")
    if not isinstance(properties, Mapping) or value_at(schema, "type") != "object":
        raise NotAQuestion("the schema is not that of an object")
    listed = {name: value_at(field, "enum") for name, field in properties.items()}
    return {
        name: tuple(values)
        for name, values in listed.items()
        if isinstance(values, list) and values and all(isinstance(one, str) for one in values)
    }


def require_plain_object(schema: Any, field: str) -> None:
    """Raises NotAQuestion: an object with only one of the listed values in `field` may not be valid."""
    if not schema.keys() <= _PLAIN_OBJECT:
        raise NotAQuestion("the schema says more of the object than its fields")
    listed = schema["properties"][field]
    kinds = listed.get("type", "string")
    if not listed.keys() <= _PLAIN_FIELD or "string" not in (kinds if isinstance(kinds, list) else [kinds]):
        raise NotAQuestion("the schema says more of the label than its values")


def value_at(value: Any, *path: str) -> Any:
    """What stands at a path of nested objects; None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text_of(message: Any) -> tuple[str, str]:
    """Role and text of a message."""
    if not isinstance(message, Mapping) or not message.keys() <= _MESSAGE:
        raise NotAQuestion("a message has more than role and content")
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list) and len(content) == 1:
        part = content[0]
        is_text = isinstance(part, Mapping) and part.keys() == {"type", "text"} and part["type"] == "text"
        content = part["text"] if is_text else None
    if not isinstance(role, str) or not isinstance(content, str):
        raise NotAQuestion("a message is not one text")
    return role, content
