"""Conversations: the text that was to be classified, and what the model said.

One user message is a text to classify; after several turns nobody can say which of them was meant.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from streams.recorded_calls.rows import LeftOut, as_text, from_json, part_of

SEVERAL_TURNS = "several messages of the user, or tools: no single text to classify"
NO_TEXT = "no message of the user with text"
NOT_ONLY_TEXT = "not only text (an image, a file or audio)"
NO_ANSWER = "no answer of the model"
SEVERAL_ANSWERS = "several answers of the model"
FAILED = "the call failed"
CUT_OFF = "the answer was cut off or filtered"
_NOT_WHOLE = frozenset({"length", "max_tokens", "content_filter", "safety", "incomplete", "error"})
_TEXTS = (
    "text",
    "input_text",
    "output_text",
)
_INSTRUCTIONS = (
    "system",
    "developer",
)


def is_cut_off(reasons: Iterable[Any]) -> bool:
    """Whether one of these reasons for the end of an answer says that it is not whole."""
    return any(isinstance(one, str) and one.lower() in _NOT_WHOLE for one in reasons)


def end_reasons(answer: Any) -> list[Any]:
    """Why an answer has ended, as far as it says."""
    answer = from_json(answer)
    choices = part_of(answer, "choices")
    messages = choices if isinstance(choices, list) else answer if isinstance(answer, list) else [answer]
    reasons = [part_of(one, name) for one in messages for name in ("finish_reason", "stop_reason")]
    # Any object may be an answer with a field `status`; a response of OpenAI's API has an output beside it.
    return [*reasons, part_of(answer, "status")] if part_of(answer, "output") else reasons


def is_conversation(value: Any) -> bool:
    """Whether this is a list of messages, or holds one."""
    messages = value.get("messages") if isinstance(value, Mapping) else value
    return isinstance(messages, list) and bool(messages) and part_of(messages[0], "role") is not None


def asked_text(messages: Any, place: str) -> str | LeftOut:
    """The text of the one user message. Instructions of the system beside it do not count.

    Args:
        messages: in the form of OpenAI, Anthropic, Langfuse or OpenTelemetry (`parts`); a string is the text.
    """
    messages = from_json(messages)
    if isinstance(messages, str):
        return messages or LeftOut(place, NO_TEXT)
    if isinstance(messages, Mapping):
        messages = messages.get("messages", [messages])
    if not isinstance(messages, Sequence):
        return LeftOut(place, NO_TEXT)
    others = [one for one in messages if part_of(one, "role") not in _INSTRUCTIONS]
    if not others:
        return LeftOut(place, NO_TEXT)
    if len(others) > 1 or part_of(others[0], "role") not in ("user", "human", None):
        return LeftOut(place, SEVERAL_TURNS)
    parts = others[0].get("content", others[0].get("parts")) if isinstance(others[0], Mapping) else None
    return _text_of(parts, place)


def said_by(answer: Any, place: str) -> str | LeftOut:
    """What the model said: its text, or the arguments of the one tool that it called, as JSON.

    Args:
        answer: see `only_message`.
    """
    message = only_message(answer, place)
    if isinstance(message, str | LeftOut):
        return message
    calls = tool_calls_of(message)
    if calls:
        return _arguments(calls[0], place) if len(calls) == 1 else LeftOut(place, SEVERAL_ANSWERS)
    said = message.get("content", message.get("parts"))
    if said is None and message.get("role") is None:
        # An answer that was read already: an object with the label in it.
        return msgspec.json.encode(message).decode() if message else LeftOut(place, NO_ANSWER)
    found = _text_of(said, place)
    return LeftOut(place, NO_ANSWER) if isinstance(found, LeftOut) and found.reason == NO_TEXT else found


def only_message(answer: Any, place: str) -> str | Mapping[str, Any] | LeftOut:
    """The one message that the model answered.

    Args:
        answer: a message, a list with one, a completion with `choices`, a response with `output`, or text.
    """
    answer = from_json(answer)
    if isinstance(answer, str):
        return answer or LeftOut(place, NO_ANSWER)
    if isinstance(answer, Mapping):
        for name in ("choices", "output", "outputs", "messages"):
            if isinstance(answer.get(name), Sequence) and not isinstance(answer[name], str):
                return only_message(answer[name], place)
        inner = answer.get("message")
        return only_message(inner, place) if isinstance(inner, Mapping) else answer
    if not isinstance(answer, Sequence):
        return LeftOut(place, NO_ANSWER)
    spoken = [one for one in answer if part_of(one, "type") not in ("reasoning", "thinking")]
    if not spoken:
        return LeftOut(place, NO_ANSWER)
    return only_message(spoken[0], place) if len(spoken) == 1 else LeftOut(place, SEVERAL_ANSWERS)


def tool_calls_of(message: Mapping[str, Any]) -> list[Any]:
    """The calls of tools in a message; none where it is text."""
    if message.get("type") == "function_call":
        return [message]
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        return calls
    parts = message.get("content", message.get("parts"))
    several: list[Any] = parts if isinstance(parts, list) else []
    return several if any(part_of(part, "type") == "tool_call" for part in several) else []


def _arguments(call: Any, place: str) -> str | LeftOut:
    found = part_of(part_of(call, "function") or call, "arguments")
    if isinstance(found, Mapping):
        return msgspec.json.encode(found).decode()
    return as_text(found) or LeftOut(place, NO_ANSWER)


def _text_of(content: Any, place: str) -> str | LeftOut:
    """The text of a message's content: a string, or parts that are all text."""
    if isinstance(content, str):
        return content or LeftOut(place, NO_TEXT)
    if not isinstance(content, Sequence) or not content:
        return LeftOut(place, NO_TEXT)
    texts = [_part_text(part) for part in content]
    if any(text is None for text in texts):
        return LeftOut(place, NOT_ONLY_TEXT)
    return "\n".join(text for text in texts if text) or LeftOut(place, NO_TEXT)


def _part_text(part: Any) -> str | None:
    """None for a part that is no text."""
    if isinstance(part, str):
        return part
    if part_of(part, "type") not in _TEXTS:
        return None
    text = part_of(part, "text")
    return as_text(text if text is not None else part_of(part, "content")) or ""
