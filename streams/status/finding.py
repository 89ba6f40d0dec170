"""Finding: one thing that is as it should be, or is not, with what to do."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad a finding is.

    Attributes:
        OK: nothing to do.
        WARNING: it works, and may not work, or not be safe, later.
        PROBLEM: something does not work, or the promise does not hold.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """Attributes:
    about: what was looked at: kafka, redis, settings, disk, certify, teacher, or encoder.
    text: one sentence; what to do stands in it.
    """

    level: Level
    about: str
    text: str


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among them."""
    order = list(Level)
    return max((each.level for each in findings), key=order.index, default=Level.OK)
