"""Forms in which an answer holds a label: plain text, a JSON object's field, a function's argument, a choice.

Each form writes the surrogate's answer and reads the label out of the LLM's reply. What can't be read is an
error, never a guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec

from streams.errors import UnreadableAnswer
from streams.teacher.answer import parse_answer, quote
from streams.text_patterns import compile_pattern

_LONGEST_SAID = 10_000
"""Characters in which `chat.label` looks for a label, on the event loop."""


class ToolCall(NamedTuple):
    """A function's name, and its arguments as JSON."""

    name: str
    arguments: str


class AssistantMessage(NamedTuple):
    """What the assistant says.

    Attributes:
        finish: why it ends.
    """

    content: str | None
    tool: ToolCall | None = None
    finish: str = "stop"


class AnswerForm(Protocol):
    """How a label is said."""

    def write(self, label: str) -> AssistantMessage:
        """The assistant's message that says this label."""
        ...

    def read(self, message: AssistantMessage, labels: Sequence[str]) -> str:
        """The label that a message says.

        Args:
            labels: that are allowed; none: any short one.

        Raises:
            UnreadableAnswer: it says none.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainText:
    """The label, or a text around it.

    Attributes:
        template: holds `{label}`.
        pattern: finds the label in a reply; None: the reply is the label.
    """

    template: str = "{label}"
    pattern: str | None = None

    def write(self, label: str) -> AssistantMessage:
        return AssistantMessage(self.template.replace("{label}", label))

    def read(self, message: AssistantMessage, labels: Sequence[str]) -> str:
        said = message.content or ""
        if self.pattern is None:
            return parse_answer(said, labels)
        if len(said) > _LONGEST_SAID:
            raise UnreadableAnswer(f"the model said {len(said)} characters: too many to look for a label")
        found = compile_pattern(self.pattern).find(said, "label")
        if found is None:
            raise UnreadableAnswer(f"the model said {quote(said)}, in which `chat.label` finds nothing")
        return parse_answer(found.text, labels)


@dataclass(frozen=True, slots=True)
class JsonField:
    """A JSON object, of which one field is the label."""

    field: str

    def write(self, label: str) -> AssistantMessage:
        return AssistantMessage(_encode({self.field: label}))

    def read(self, message: AssistantMessage, labels: Sequence[str]) -> str:
        return _label_in(message.content or "", self.field, labels)


@dataclass(frozen=True, slots=True)
class FunctionArgument:
    """A call of one function, of which one argument is the label.

    Attributes:
        finish: `stop` where the call names the function, as OpenAI's API has it; `tool_calls` where it
            requires any.
    """

    function: str
    argument: str
    finish: str

    def write(self, label: str) -> AssistantMessage:
        return AssistantMessage(None, ToolCall(self.function, _encode({self.argument: label})), self.finish)

    def read(self, message: AssistantMessage, labels: Sequence[str]) -> str:
        if message.tool is None or message.tool.name != self.function:
            raise UnreadableAnswer(f"the model did not call the function {self.function}")
        return _label_in(message.tool.arguments, self.argument, labels)


@dataclass(frozen=True, slots=True)
class ListedChoice:
    """One of the values that the call lists."""

    values: tuple[str, ...]

    def write(self, label: str) -> AssistantMessage:
        return AssistantMessage(label)

    def read(self, message: AssistantMessage, labels: Sequence[str]) -> str:
        chosen = message.content or ""
        if chosen not in self.values or (labels and chosen not in labels):
            raise UnreadableAnswer(f"the model chose {quote(chosen)}, which is none of the labels")
        return parse_answer(chosen, labels)


def _label_in(said: str, field: str, labels: Sequence[str]) -> str:
    try:
        fields = msgspec.json.decode(said, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableAnswer(f"the model said {quote(said)}, which is no JSON object") from error
    label = fields.get(field)
    if not isinstance(label, str):
        raise UnreadableAnswer(f"the model said {quote(said)}, without a label in `{field}`")
    if labels and label not in labels:
        raise UnreadableAnswer(f"the model said {quote(label)}, which is none of the {len(labels)} labels")
    return parse_answer(label, labels)


def _encode(fields: Mapping[str, str]) -> str:
    return msgspec.json.encode(fields).decode()
