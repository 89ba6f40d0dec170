"""The classification prompt of a probe: the part before the text, and the part after it.

The prompt ends where the LLM would start its answer, so the hidden state there holds its decision. A decision
model gets the instruction, the labels and their descriptions instead. A hash of either is part of the
encoder's id: another prompt is another encoder.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from models.errors import EmbedderError

TEXT, LABELS, DESCRIPTIONS = "{text}", "{labels}", "{descriptions}"
_INSTRUCTION = "Classify the message."
DEFAULT = (
    f"{_INSTRUCTION} Answer with exactly one of these labels and nothing else:\n"
    f"{LABELS}\n\nMessage: {TEXT}\nLabel:"
)

_MESSAGE, _LABEL = "Message: ", "\nLabel:"
_FILLED = re.compile(f"{re.escape(LABELS)}|{re.escape(DESCRIPTIONS)}")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in two halves; a text goes between them, unchanged.

    Attributes:
        instruction, labels, descriptions: for a decision model; a description is of a label.
    """

    before: str
    after: str
    instruction: str = ""
    labels: tuple[str, ...] = ()
    descriptions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, template: str, labels: Sequence[str], descriptions: Mapping[str, str] = _NOTHING) -> "Prompt":
        """The prompt of a template: `{text}` once, `{labels}` for the labels, `{descriptions}` for what they
        mean, one a line each; other braces stay.

        Raises:
            EmbedderError: there is not exactly one `{text}`.
        """
        halves = template.split(TEXT)
        if len(halves) != 2:
            raise EmbedderError(f"prompt of a probe must have {TEXT} once, not {len(halves) - 1} times")
        before, after = (_fill(half, labels, descriptions) for half in halves)
        return cls(before, after, _INSTRUCTION, tuple(labels), tuple(descriptions.items()))

    @classmethod
    def from_instruction(
        cls,
        instruction: str,
        labels: Sequence[str],
        descriptions: Mapping[str, str] = _NOTHING,
        examples: Iterable[tuple[str, str]] = (),
    ) -> "Prompt":
        """The prompt: the instruction with `{labels}` filled in, what the labels mean, examples, the text,
        and the answer's start.

        Args:
            descriptions: by label.
            examples: a text and its label each.
        """
        filled = instruction.replace(LABELS, "\n".join(labels))
        meanings = f"\n\nWhat the labels mean:\n{_described(descriptions)}" if descriptions else ""
        shown = "".join(f"{_MESSAGE}{text}{_LABEL} {label}\n\n" for text, label in examples)
        return cls(
            f"{filled}{meanings}\n\n{shown}{_MESSAGE}",
            _LABEL,
            f"{filled}\n\n{shown}".rstrip(),
            tuple(dict.fromkeys(labels)),
            tuple(descriptions.items()),
        )

    @property
    def hash(self) -> str:
        """64 bits, in hexadecimal, of a SHA-256 over both halves."""
        return _digest(self.before, self.after)

    @property
    def question_hash(self) -> str:
        """The same over instruction, labels and descriptions."""
        described = (part for pair in self.descriptions for part in pair)
        return _digest(self.instruction, *self.labels, "", *described)

    def around(self, text: str) -> str:
        """The prompt with the text in its place."""
        return f"{self.before}{text}{self.after}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def _fill(part: str, labels: Sequence[str], descriptions: Mapping[str, str]) -> str:
    """All at once, so that braces of a label or a description stay as they are."""
    values = {LABELS: "\n".join(labels), DESCRIPTIONS: _described(descriptions)}
    return _FILLED.sub(lambda found: values[found[0]], part)


def _described(descriptions: Mapping[str, str]) -> str:
    return "\n".join(f"{label}: {description}" for label, description in descriptions.items())
