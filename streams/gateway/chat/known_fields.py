"""Known fields: those of a chat completion that ask for no more than a label, and what they may hold.

A value that the LLM's API would refuse is not known either: the LLM says what is wrong with it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from streams.gateway.chat.conversation import Fields, NotAQuestion

_MOST_TEMPERATURE = 2.0
_MOST_PENALTY = 2.0


def _anything(_: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_whole(value) and value >= 1


def _is_between(low: float, high: float) -> Callable[[Any], bool]:
    def is_between(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return is_between


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_only(*neutral: Any) -> Callable[[Any], bool]:
    """Whether the value is one of these; 1, 1.0 and true are three different values."""

    def is_only(value: Any) -> bool:
        return any(type(value) is type(one) and value == one for one in neutral)

    return is_only


_KNOWN: Mapping[str, Callable[[Any], bool]] = {
    # Read elsewhere, or without a part in which label is said.
    **dict.fromkeys(("model", "messages", "response_format", "tools", "tool_choice"), _anything),
    **dict.fromkeys(("user", "service_tier", "reasoning_effort", "verbosity"), _is_text),
    **dict.fromkeys(("prompt_cache_key", "prompt_cache_retention", "safety_identifier"), _is_text),
    **dict.fromkeys(("stream", "store", "parallel_tool_calls"), _is_bool),
    **dict.fromkeys(("max_tokens", "max_completion_tokens"), _is_count),
    **dict.fromkeys(("frequency_penalty", "presence_penalty"), _is_between(-_MOST_PENALTY, _MOST_PENALTY)),
    **dict.fromkeys(("stream_options", "metadata"), _is_object),
    "temperature": _is_between(0.0, _MOST_TEMPERATURE),
    "top_p": _is_between(0.0, 1.0),
    "seed": _is_whole,
    # Ask for something else, unless they hold this.
    "n": _is_only(1),
    "logprobs": _is_only(False),
    "top_logprobs": _is_only(0),
    "stop": _is_only([]),
    "logit_bias": _is_only({}),
    "modalities": _is_only(["text"]),
    "functions": _is_only([]),
}


def require_known_fields(call: Fields, field: str = "") -> None:
    """Raises NotAQuestion: a field asks for more, or nobody knows what it asks for.

    Args:
        field: that holds the text.
    """
    for name, value in call.items():
        if value is None or name == field:
            continue
        if name not in _KNOWN or not _KNOWN[name](value):
            raise NotAQuestion(f"`{name}` asks for more than a label, or holds what is not known here")
    if call.get("stream_options") is not None and call.get("stream") is not True:
        raise NotAQuestion("`stream_options` of a call that is not streamed")
