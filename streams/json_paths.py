"""JSON paths (RFC 9535) by which operators say where a text stands in a JSON value: names and indexes only.

So a path finds one value at most, in a time that the value's size has no part in.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError

from streams.errors import InvalidPattern

_environment = JSONPathEnvironment(strict=True)


Place = tuple[str | int, ...]


class FoundValue(NamedTuple):
    """Attributes:
    place: names and indexes from the whole value down to this one.
    """

    value: Any
    place: Place


class ValuePath:
    """A path to one value.

    Raises:
        InvalidPattern: it is none, or may find several values.
    """

    def __init__(self, path: str) -> None:
        try:
            query = _environment.compile(path)
        except JSONPathError as error:
            raise InvalidPattern(f"not a path of RFC 9535: {str(error).splitlines()[0]}") from error
        if not isinstance(query, JSONPath) or not query.singular_query():
            raise InvalidPattern("a path has names and indexes only, as in `$.ticket.lines[0]`")
        self._query = query

    def find(self, value: Any) -> FoundValue | None:
        """The value at the path; None where there is none."""
        if not self._query.segments:
            return FoundValue(value, ())
        if isinstance(value, str):  # the library would read it as JSON once more
            return None
        found = self._query.match(value)
        return None if found is None else FoundValue(found.obj, tuple(found.parts))


@lru_cache(256)
def compile_path(path: str) -> ValuePath:
    """The path, compiled once. Raises InvalidPattern."""
    return ValuePath(path)
