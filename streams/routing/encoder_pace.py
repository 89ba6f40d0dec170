"""The pace of an encoder: how large its next part is, and how many texts a second it gets through.

Sizes are powers of two, and of each the time of a part is remembered. From one part to the next the size
doubles, halves or stays:

    it doubles   while parts are fast, and as long as twice as many texts take less than twice as long
    it halves    where a part is slow, or takes twice as long as half as many

So an encoder whose calls take about as long whatever they hold gets large parts, and one that takes its time
for each text gets small ones. What is not known is tried. Where a part takes twice or half as long as before,
what is known of other sizes is forgotten. After sixteen parts of one size, twice the size is tried again,
unless half as many texts take half as long: one slow part would keep parts small for ever. Vectors that were
kept make a part faster, but the next part may have none: only texts that were read count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

FIRST_PART, LARGEST_PART = 32, 1_024
SLOW = 1.0
"""Seconds of a part from which on a smaller one is tried."""
_FAST = 0.25
"""Seconds of a part below which a larger one is tried, whatever it brings."""
_LONGEST = 5.0
"""Seconds that a part may take for the sake of more texts a second."""
_WORTHWHILE = 1.25
"""Times as many texts a second, for which a part of twice as many texts is worth waiting for."""
_CHANGED = 2.0
_TRIED_AGAIN = 16
"""Parts of one size, after which what is known of twice the size is forgotten."""


@dataclass(frozen=True, slots=True)
class EncoderPace:
    """Attributes:
    size: texts of the next part, at most.
    times: seconds of a part, by its size; the last one counts half.
    parts: of this size, in a row.
    texts, seconds: of the last full parts, each half as heavy as the next.
    """

    size: int = FIRST_PART
    times: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    parts: int = 0
    texts: float = 0.0
    seconds: float = 0.0

    @classmethod
    def after_failure(cls, texts: int) -> "EncoderPace":
        """That of an encoder that has failed on a part of so many texts: nothing is known but that."""
        return cls(min(FIRST_PART, _power_of_two(texts // 2)))

    @property
    def rate(self) -> float | None:
        """Texts a second; None before the first full part."""
        return self.texts / max(self.seconds, 1e-6) if self.texts else None

    def with_part(self, texts: int, read: int, seconds: float) -> "EncoderPace":
        """The pace after a part.

        Args:
            read: how many of the texts the encoder has read.
        """
        paced = self
        if texts >= self.size:  # a part that is not full says little of the pace of full ones
            paced = replace(self, texts=self.texts / 2 + texts, seconds=self.seconds / 2 + seconds)
        if read >= self.size:
            return paced._with_time(self.size, seconds)
        if read == 0 or seconds <= max(SLOW, self.times.get(self.size, 0.0)):
            return paced
        return paced._with_time(_power_of_two(read), seconds)

    def _with_time(self, size: int, seconds: float) -> "EncoderPace":
        before = self.times.get(size, seconds)
        is_changed = not before / _CHANGED <= seconds <= before * _CHANGED
        times = {size: seconds} if is_changed else {**self.times, size: (before + seconds) / 2}
        parts = self.parts + 1 if size == self.size else 1
        if parts >= _TRIED_AGAIN:
            parts = 0
            times.pop(2 * size, None)
        chosen = _next_size(size, times)
        parts = parts if chosen == self.size else 0
        return replace(self, size=chosen, times=MappingProxyType(times), parts=parts)


def _next_size(size: int, times: Mapping[int, float]) -> int:
    now, of_half, of_double = times[size], times.get(size // 2), times.get(2 * size)
    gains = of_half is not None and _gain(of_half, now) >= _WORTHWHILE
    if size < LARGEST_PART and now <= _LONGEST:
        if of_double is not None:
            is_better = of_double < _FAST or (of_double <= _LONGEST and _gain(now, of_double) >= _WORTHWHILE)
        else:
            is_better = now <= SLOW or gains or size == 1
        if is_better and (of_half is None or gains or now <= _FAST):
            return 2 * size
    is_slow = now > SLOW if of_half is None else now > _FAST and not gains
    return size // 2 if size > 1 and (is_slow or now > _LONGEST) else size


def _gain(seconds: float, of_double: float) -> float:
    """Times as many texts a second that parts of twice the size bring."""
    return 2.0 * seconds / max(of_double, 1e-6)


def _power_of_two(number: int) -> int:
    """The largest that is not above it; 1 at least."""
    return 1 << (max(number, 1).bit_length() - 1)
