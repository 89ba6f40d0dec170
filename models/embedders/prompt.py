"""The classification prompt that a probe reads an LLM by: what stands before the text, and what stands after.

The prompt ends where the LLM would begin to answer, so the hidden state there holds its decision. It is part
of the embedder's id: another prompt is another embedder.
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
    """Texts go between its two halves, as they are."""

    before: str
    after: str

    @classmethod
    def of(cls, template: str, labels: Sequence[str]) -> "Prompt":
        """A template with `{text}` once, and `{labels}` where the labels go, one a line; other braces stay.

        Raises:
            EmbedderError: there is not exactly one `{text}`.
        """
        halves = template.split(TEXT)
        if len(halves) != 2:
            raise EmbedderError(
                f"the prompt of a probe must have {TEXT} once; it has it {len(halves) - 1} times"
            )
        before, after = (half.replace(LABELS, "\n".join(labels)) for half in halves)
        return cls(before, after)

    @classmethod
    def instructed(cls, instruction: str, labels: Sequence[str]) -> "Prompt":
        """What a teacher is told, `{labels}` filled in, then the text, then the place for its answer."""
        told = instruction.replace(LABELS, "\n".join(labels))
        return cls(f"{told}\n\nMessage: ", _AFTER)

    @property
    def hash(self) -> str:
        """64 bits, in hexadecimal, of a SHA-256 over both halves."""
        return hashlib.sha256(f"{self.before}\0{self.after}".encode("utf-8", "replace")).hexdigest()[:_DIGITS]

    def around(self, text: str) -> str:
        """The prompt with the text in its place."""
        return f"{self.before}{text}{self.after}"
