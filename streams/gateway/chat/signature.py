"""Call signature: what calls of one kind have in common, whatever text they are about.

It needs no task's config, so that calls which name no task can be told apart by it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from streams.gateway.chat.conversation import Fields, NotAQuestion, listed_values, read_conversation, value_at
from streams.gateway.chat.known_fields import require_known_fields
from streams.gateway.chat.question import SHAPE, prompt_hash

_LONGEST_NAME = 64


class CallSignature(NamedTuple):
    """Attributes:
    hash: of the instructions and the form that is asked for.
    instructions: the texts before the user's.
    form: that is asked for, in words.
    labels: that it lists; empty where it lists none, or several lists.
    """

    hash: str
    instructions: tuple[str, ...]
    form: str
    labels: tuple[str, ...]


def chat_signature(call: Fields) -> CallSignature:
    """The signature of a chat completion.

    Raises:
        NotAQuestion: it is no single question, or has neither instructions nor a form.
    """
    require_known_fields(call)
    instructions, _ = read_conversation(call.get("messages"))
    shape = {name: call[name] for name in SHAPE if call.get(name)}
    if not instructions and not shape:
        raise NotAQuestion("the call has no instructions and asks for no form: nothing says what it is about")
    form, schema = _form(call)
    return sign(instructions, shape, form, _labels(schema))


def sign(
    instructions: Sequence[str], shape: Mapping[str, Any], form: str, labels: Sequence[str]
) -> CallSignature:
    """The signature of calls with these instructions that ask for a form in these words."""
    identity = prompt_hash({"instructions": instructions, **shape})
    return CallSignature(identity, tuple(instructions), form, tuple(labels))


def _form(call: Fields) -> tuple[str, Any]:
    """The form in words, and its JSON schema where it has one."""
    tools = call.get("tools")
    if tools:
        function = value_at(tools[0] if isinstance(tools, list) else None, "function")
        name = value_at(function, "name")
        named = name[:_LONGEST_NAME] if isinstance(name, str) else "?"
        return f"function {named}", value_at(function, "parameters")
    kind = value_at(call.get("response_format"), "type")
    if kind == "json_schema":
        return "json_schema", value_at(call["response_format"], "json_schema", "schema")
    return ("json_object" if kind == "json_object" else "plain text"), None


def _labels(schema: Any) -> tuple[str, ...]:
    try:
        lists = list(listed_values(schema).values())
    except NotAQuestion:
        return ()
    return lists[0] if len(lists) == 1 else ()
