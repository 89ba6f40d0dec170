"""Queue depth: how many questions of a task wait for a call of the LLM, and for how long."""

from typing import NamedTuple


class QueueDepth(NamedTuple):
    """Attributes:
    waiting: questions that are not being asked.
    oldest: when the oldest of these was requested, Unix milliseconds.
    """

    waiting: int
    oldest: int
