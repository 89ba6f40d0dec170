"""Message text: the text to classify in a user's message, and the rest of the message.

The rest belongs to the prompt: a template that changes around the text makes another teacher. What changes
from call to call is in groups named `ignored`, and is left out of it.
"""

from typing import NamedTuple

from schemas.chat import ChatConfig
from schemas.patterns import compile_pattern

_CUT = "\0"
"""Stands in the rest where something was taken out."""


class MessageText(NamedTuple):
    """Attributes:
    text: to be classified.
    rest: the message without it; None where the whole message is the text.
    """

    text: str
    rest: str | None


def find_text(message: str, config: ChatConfig) -> MessageText | None:
    """The text in a message; None where `chat.text` finds none."""
    if config.text is None:
        return MessageText(message, None) if message else None
    found = compile_pattern(config.text).find(message, "text")
    if found is None or not found.text:
        return None
    return MessageText(found.text, _without(message, (found.span, *found.ignored)))


def _without(message: str, spans: tuple[tuple[int, int], ...]) -> str:
    """The message with a mark in place of each span."""
    kept, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            kept += [message[end:start], _CUT]
        end = max(end, stop)
    return "".join([*kept, message[end:]])
