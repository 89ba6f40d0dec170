"""The pace of an encoder: how large its next part is, and how many texts a second it gets through.

Parts grow while they are fast, and shrink when they are slow. Vectors that were kept make a part faster, but
the next part may have none: a part's size goes by the texts that were really read.
"""

from dataclasses import dataclass, replace

FIRST_PART, LARGEST_PART = 32, 1_024
SLOW = 1.0
"""Seconds of a part from which on the next is smaller."""
_FAST = 0.25
"""Seconds of a part below which the next is larger."""


@dataclass(frozen=True, slots=True)
class EncoderPace:
    """Attributes:
    size: texts of the next part, at most.
    texts, seconds: of the last full parts, each half as heavy as the next.
    """

    size: int = FIRST_PART
    texts: float = 0.0
    seconds: float = 0.0

    @classmethod
    def after_failure(cls, texts: int) -> "EncoderPace":
        """That of an encoder that has failed on a part of so many texts: nothing is known but that."""
        return cls(max(1, min(FIRST_PART, texts // 2)))

    @property
    def rate(self) -> float | None:
        """Texts a second; None before the first full part."""
        return self.texts / max(self.seconds, 1e-6) if self.texts else None

    def with_part(self, texts: int, read: int, seconds: float) -> "EncoderPace":
        """The pace after a part.

        Args:
            read: how many of the texts the encoder has read.
        """
        is_full = texts >= self.size  # a part that is not full says little of the pace of full ones
        found = replace(self, texts=self.texts / 2 + texts, seconds=self.seconds / 2 + seconds)
        paced = found if is_full else self
        if read == 0:
            return paced
        whole = seconds * texts / read
        if is_full and whole < _FAST:
            return replace(paced, size=min(2 * self.size, LARGEST_PART))
        if whole > SLOW:
            return replace(paced, size=max(1, min(self.size, texts) // 2))
        return paced
