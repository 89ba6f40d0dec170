"""The classification prompt of a probe: the part before the text, and the part after it.

The prompt ends where the LLM would start its answer, so the hidden state there holds its decision. A hash of
the prompt is part of the encoder's id: another prompt is another encoder.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import EmbedderError

TEXT, LABELS = "{text}", "{labels}"
DEFAULT = (
    "Classify the message. Answer with exactly one of these labels and nothing else:\n"
    f"{LABELS}\n\nMessage: {TEXT}\nLabel:"
)

_AFTER = "\nLabel:"
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in two halves; a text goes between them, unchanged."""

    before: str
    after: str

    @classmethod
    def of(cls, template: str, labels: Sequence[str]) -> "Prompt":
        """The prompt of a template with `{text}` once, and `{labels}` for the labels, one a line; other
        braces stay.

        Raises:
            EmbedderError: there is not exactly one `{text}`.
        """
        halves = template.split(TEXT)
        if len(halves) != 2:
            raise EmbedderError(f"prompt of a probe must have {TEXT} once, not {len(halves) - 1} times")
        before, after = (half.replace(LABELS, "\n".join(labels)) for half in halves)
        return cls(before, after)

    @classmethod
    def from_instruction(cls, instruction: str, labels: Sequence[str]) -> "Prompt":
        """The prompt: the instruction with `{labels}` filled in, the text, and the start of the answer."""
        filled = instruction.replace(LABELS, "\n".join(labels))
        return cls(f"{filled}\n\nMessage: ", _AFTER)

    @property
    def hash(self) -> str:
        """64 bits, in hexadecimal, of a SHA-256 over both halves."""
        return hashlib.sha256(f"{self.before}\0{self.after}".encode("utf-8", "replace")).hexdigest()[:_DIGITS]

    def around(self, text: str) -> str:
        """The prompt with the text in its place."""
        return f"{self.before}{text}{self.after}"
