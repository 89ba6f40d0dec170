"""Operator change: what a person has changed of a task, as it is wished, kept and taken back."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from schemas.event import EventDetails, EventKind
from schemas.messages import Milliseconds

ChangeKind = Literal["config", "promote", "rollback", "approve", "refuse", "pin", "unpin", "close_breaker"]


class ChangeWish(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed.

    Attributes:
        what: the config, or what to do with the task's versions.
        fields: of the config, with their new values; null puts back the default that `*` may have changed.
        unset: fields of the config that the task's own message shall not set any more.
        version: that is to go live, or to be refused; null for `rollback`: the one that was live before.
        shown: fields of the config as they were in force where the wish was made. Where one that it changes
            is another by now, the wish is refused.
        live: the version that was live where the wish was made; likewise. Null: any may be.
    """

    what: ChangeKind
    fields: Mapping[str, Any] = msgspec.field(default_factory=dict)
    unset: tuple[str, ...] = ()
    version: str | None = None
    shown: Mapping[str, Any] = msgspec.field(default_factory=dict)
    live: str | None = None


class ChangedValue(Struct, frozen=True):
    """One line of a diff: words for people, and null where there was or is nothing."""

    name: str
    before: str | None
    after: str | None


class OperatorChange(Struct, frozen=True):
    """A change that a person has made. Kept in Redis, in a list of each task.

    Attributes:
        by: the name of the key, `this machine`, or who is named on the command line.
        reason: that was given.
        what: as in the wish.
        diff: what has changed.
        undo: the wish that takes it back; null where nothing does.
    """

    at: Milliseconds
    by: str
    reason: str
    what: ChangeKind
    diff: tuple[ChangedValue, ...] = ()
    undo: ChangeWish | None = None


class ConfigChangedDetails(EventDetails, frozen=True):
    """A person has changed a task's config; `config_applied` says that it was read.

    Attributes:
        by: the name of the key, `this machine`, or who is named on the command line.
        reason: that was given.
        before: fields that the change sets, as the task's own message had them; those that it did not have
            are left out.
        after: the same as they are now.
    """

    kind = EventKind.CONFIG_CHANGED
    by: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
