"""Message text: the text to classify in a user's message, and the rest of the message.

The rest belongs to the prompt: a template that changes around the text makes another teacher. What changes
from call to call is left out of it: groups named `ignored`, and the values at `chat.ignored_paths`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from schemas.chat import ChatConfig
from streams.json_paths import Place, compile_path
from streams.text_patterns import compile_pattern

_CUT = "\0"
"""Stands in the rest where something was taken out."""


class MessageText(NamedTuple):
    """Attributes:
    text: to be classified.
    rest: the message without it; None where the whole message is the text.
    field: of the call that the text stands in.
    """

    text: str
    rest: str | None
    field: str = "messages"


def find_text(message: str, config: ChatConfig) -> MessageText | None:
    """The text in a message; None where `chat.text_path` or `chat.text` finds none."""
    if config.text_path is None:
        return _by_pattern(message, config.text)
    try:
        value = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return _by_path(value, config.text_path, config)


def find_text_in_body(call: Mapping[str, Any], config: ChatConfig) -> MessageText | None:
    """The text in a chat completion, with all of its messages and the field that holds it as the rest."""
    if config.text_path is None:
        return None
    found_at = compile_path(config.text_path).find(call)
    if found_at is None or not found_at.place:
        return None
    field = str(found_at.place[0])
    value = {name: call[name] for name in ("messages", field) if name in call}
    found = _by_path(value, config.text_path, config)
    return None if found is None else found._replace(field=field)


def _by_path(value: Any, path: str, config: ChatConfig) -> MessageText | None:
    found = compile_path(path).find(value)
    if found is None or not isinstance(found.value, str):
        return None
    inner = _by_pattern(found.value, config.text)
    if inner is None:
        return None
    paths = map(compile_path, config.ignored_paths)
    marks = {one.place: _CUT for path in paths if (one := path.find(value)) is not None}
    rest = _marked(value, marks | {found.place: inner.rest or _CUT})
    return MessageText(inner.text, msgspec.json.encode(rest, order="sorted").decode())


def _by_pattern(message: str, pattern: str | None) -> MessageText | None:
    if pattern is None:
        return MessageText(message, None) if message else None
    found = compile_pattern(pattern).find(message, "text")
    if found is None or not found.text:
        return None
    return MessageText(found.text, _without_spans(message, (found.span, *found.ignored)))


def _without_spans(message: str, spans: Iterable[tuple[int, int]]) -> str:
    """The message with a mark in place of each span."""
    kept, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            kept += [message[end:start], _CUT]
        end = max(end, stop)
    return "".join([*kept, message[end:]])


def _marked(value: Any, marks: Mapping[Place, str], place: Place = ()) -> Any:
    """The value with these marks at their places."""
    if place in marks:
        return marks[place]
    if isinstance(value, dict):
        return {name: _marked(one, marks, (*place, name)) for name, one in value.items()}
    if isinstance(value, list):
        return [_marked(one, marks, (*place, number)) for number, one in enumerate(value)]
    return value
