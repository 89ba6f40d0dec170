"""Encoded views: a view as JSON, each part of it made once for all who are shown the same.

A stream tells the whole view first, and then what has changed: the history of a certificate takes 100 kB and
more, and is the same from look to look.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from schemas.secrets import masked

Viewed = TypeVar("Viewed")
Scope = TypeVar("Scope", bound=Hashable)
Parts = Mapping[str, bytes]
"""JSON of each member of a view, by its name."""


class EncodedViews(Generic[Viewed, Scope]):
    """Args:
    shown: what is shown of a view to callers of one scope, such as the tasks of their keys.
    """

    def __init__(self, shown: Callable[[Viewed, Scope], Struct]) -> None:
        self._shown = shown
        self._view: Viewed | None = None
        self._parts: dict[Scope, Parts] = {}

    def parts(self, view: Viewed, scope: Scope) -> Parts:
        """The parts of what is shown; of the newest view they are kept."""
        if view is not self._view:
            self._view, self._parts = view, {}
        found = self._parts.get(scope)
        if found is None:
            found = self._parts[scope] = _encoded(self._shown(view, scope))
        return found


def view_event(parts: Parts) -> bytes:
    """The event that tells a whole view."""
    return _event(b"view", _object(parts))


def change_event(parts: Parts, before: Parts) -> bytes:
    """The event that tells what differs from the view that was told before."""
    return _event(b"change", _object({name: one for name, one in parts.items() if before.get(name) != one}))


def problem_event(sentence: str) -> bytes:
    """The event that says why there is no view now."""
    return _event(b"problem", msgspec.json.encode({"detail": masked(sentence)}))


def _encoded(shown: Struct) -> Parts:
    names = zip(shown.__struct_encode_fields__, shown.__struct_fields__, strict=True)
    return {name: msgspec.json.encode(getattr(shown, member)) for name, member in names}


def _object(parts: Parts) -> bytes:
    return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), one) for name, one in parts.items())


def _event(name: bytes, content: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name, content)
