"""Deduplication: a request counts once, however often it is in the file.

Lines with the same id and the same text (or, without texts, the same id) are one request. A line that repeats
its label too is a copy: left in, it would be scored by a model that has learned from it, and counted as
evidence of agreement as often as it was copied. Lines with other labels are the teacher contradicting itself.
They show how often it does so; the first of them stands for the request in everything else.
"""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from infra.files.traces import TraceLine


def without_copies(lines: Sequence[TraceLine]) -> NDArray[np.int64]:
    """Indices of the lines that are no copies of an earlier one."""
    return _first((*_request(line, place), line.label) for place, line in enumerate(lines))


def first_per_request(lines: Sequence[TraceLine]) -> NDArray[np.int64]:
    """Indices of the first line of each request."""
    return _first(_request(line, place) for place, line in enumerate(lines))


def _request(line: TraceLine, place: int) -> tuple[Hashable, ...]:
    """A line without an id counts as a separate request."""
    return (place,) if line.id is None else (str(line.id), line.text, "")


def _first(keys: Iterable[Hashable]) -> NDArray[np.int64]:
    places: dict[Hashable, int] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, place)
    return np.array(list(places.values()), dtype=np.int64)
