"""Patterns: regular expressions by which operators say where a text or a label stands.

The engine is RE2, which takes a time in proportion to the text: no pattern can stall who applies it. It has
no back references and no look-around.
"""

from functools import lru_cache
from typing import NamedTuple

import re2

from streams.errors import InvalidPattern

_IGNORED = "ignored"
_LARGEST = 5_000
"""Steps of a pattern's program: the time for a character grows with them."""


class FoundPart(NamedTuple):
    """What a pattern has found.

    Attributes:
        span: of the text, in characters.
        ignored: spans of the groups whose names begin with `ignored`.
    """

    text: str
    span: tuple[int, int]
    ignored: tuple[tuple[int, int], ...]


class TextPattern:
    """A regular expression in which `.` stands for line ends, too.

    Raises:
        InvalidPattern: it is none, is too large, or has no group that says what is meant.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = _compile(pattern)
        self._groups = dict(self._pattern.groupindex)
        ignored = [number for name, number in self._groups.items() if name.startswith(_IGNORED)]
        meant = [number for number in range(1, self._pattern.groups + 1) if number not in ignored]
        if not meant:
            raise InvalidPattern("put what is meant in parentheses")
        self._ignored, self._first = ignored, meant[0]

    def find(self, text: str, name: str) -> FoundPart | None:
        """What the group of this name, or else the first one that is not ignored, finds.

        Returns:
            None where the pattern or the group finds nothing.
        """
        found = self._pattern.search(text)
        if found is None:
            return None
        start, end = found.span(self._groups.get(name, self._first))
        if start < 0:
            return None
        ignored = tuple(span for number in self._ignored if (span := found.span(number))[0] >= 0)
        return FoundPart(text[start:end], (start, end), ignored)


@lru_cache(256)
def compile_pattern(pattern: str) -> TextPattern:
    """The pattern, compiled once. Raises InvalidPattern."""
    return TextPattern(pattern)


def _compile(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.dot_nl, options.log_errors = True, False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise InvalidPattern(
            f"not a regular expression of RE2, which has no back references and no look-around: {said}"
        ) from error
    if compiled.programsize > _LARGEST:
        raise InvalidPattern("too large: repeat less, such as `.*` in place of `.{0,900}`")
    return compiled
