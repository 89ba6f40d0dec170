"""Encoded views: a view as JSON, each part of it made once for all who are shown the same.

A stream tells the whole view first, and then what has changed: the history of a certificate takes 100 kB and
more, and is the same from look to look.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from schemas.secrets import masked
from streams.dashboard.packing import ToldEvent

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
        self._events: dict[tuple[int, int], tuple[ToldEvent, Parts, Parts | None]] = {}

    def parts(self, view: Viewed, scope: Scope) -> Parts:
        """The parts of what is shown; of the newest view they are kept."""
        if view is not self._view:
            self._view, self._parts, self._events = view, {}, {}
        found = self._parts.get(scope)
        if found is None:
            found = self._parts[scope] = _encoded(self._shown(view, scope))
        return found

    def event(self, parts: Parts, told: Parts | None) -> ToldEvent:
        """The event that tells parts of the newest view; made once for all who were told the same before.

        Args:
            told: what a watcher was told last; None: nothing yet.
        """
        place = id(parts), id(told)
        made = self._events.get(place)
        if made is None:
            event = view_event(parts) if told is None else change_event(parts, told)
            # Kept with what it is made of, so that no other object has its identity.
            made = self._events[place] = event, parts, told
        return made[0]


def view_event(parts: Parts) -> ToldEvent:
    """The event that tells a whole view."""
    return _event(b"view", _object(parts))


def change_event(parts: Parts, before: Parts) -> ToldEvent:
    """The event that tells what differs from the view that was told before."""
    return _event(b"change", _object({name: one for name, one in parts.items() if before.get(name) != one}))


def problem_event(sentence: str) -> ToldEvent:
    """The event that says why there is no view now."""
    return _event(b"problem", msgspec.json.encode({"detail": masked(sentence)}))


def _encoded(shown: Struct) -> Parts:
    names = zip(shown.__struct_encode_fields__, shown.__struct_fields__, strict=True)
    return {name: msgspec.json.encode(getattr(shown, member)) for name, member in names}


def _object(parts: Parts) -> bytes:
    return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), one) for name, one in parts.items())


def _event(name: bytes, content: bytes) -> ToldEvent:
    return ToldEvent(b"event: %s\ndata: %s\n\n" % (name, content))
