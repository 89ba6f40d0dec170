"""Author of a change: who makes it, why, and when."""

from typing import NamedTuple

LONGEST_TEXT = 500


class ChangeAuthor(NamedTuple):
    """Attributes:
    by: the name of a key, `this machine`, or who is named on the command line.
    reason: for people.
    at: Unix milliseconds.
    """

    by: str
    reason: str
    at: int


def is_reason(text: str) -> bool:
    """Whether it is a line that says something, and can be printed."""
    return bool(text.strip()) and len(text) <= LONGEST_TEXT and text.isprintable()
