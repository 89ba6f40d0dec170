"""Event: something that an operator may want to know; its kind fixes the keys of its details.

The Struct of a kind, and nothing else, makes its events: `PinnedDetails(reason).event(task, at, text)`.
So all events of a kind carry the same keys, whichever role emits them; a key that does not apply holds null.
`PinnedDetails.of(event)` reads them back. Times are Unix milliseconds; shares and agreements are in [0, 1].
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self

import msgspec
from msgspec import Struct

from schemas.config import Override
from schemas.errors import InvalidMessage
from schemas.messages import Milliseconds
from schemas.secrets import masked, masked_values


class EventKind(StrEnum):
    REFIT = "refit"
    PROMOTED = "promoted"
    REFUSED = "refused"
    PROMISE_MISSED = "promise_missed"
    ALARM = "alarm"
    AUDITS_FAILED = "audits_failed"
    ROLLBACK = "rollback"
    CERTIFIED = "certified"
    CERTIFICATE_LOST = "certificate_lost"
    SERVICE_CERTIFIED = "service_certified"
    SERVICE_CERTIFICATE_LOST = "service_certificate_lost"
    TEACHER_CHANGED = "teacher_changed"
    TEACHER_UNSTEADY = "teacher_unsteady"
    DRIFT = "drift"
    LABEL_BLOCKED = "label_blocked"
    LABELS_CHANGED = "labels_changed"
    LABELS_CAPPED = "labels_capped"
    TRIAL = "trial"
    BREAKER_CLOSED = "breaker_closed"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    BACKLOG_AT_RISK = "backlog_at_risk"
    SPENDING = "spending"
    REPLIES_UNREADABLE = "replies_unreadable"
    REPLIES_READABLE = "replies_readable"
    TASKS_CAPPED = "tasks_capped"
    TASK_RETIRED = "task_retired"
    LETTERS_REPLAYED = "letters_replayed"
    CONFIG_APPLIED = "config_applied"
    CONFIG_REJECTED = "config_rejected"
    CONFIG_CHANGED = "config_changed"


class Event(Struct, frozen=True):
    """Something that an operator may want to know. Topic `events`.

    Attributes:
        kind: what happened.
        task: or `*` for an event about the config of all tasks.
        at: when it happened.
        message: one sentence for people.
        details: the same for programs; the kind fixes the keys (`DETAILS`).
    """

    kind: EventKind
    task: str
    at: Milliseconds
    message: str
    details: Mapping[str, Any] = msgspec.field(default_factory=dict)


class EventDetails(Struct, frozen=True):
    """The details of one kind of event."""

    kind: ClassVar[EventKind]

    def event(self, task: str, at: int, message: str) -> Event:
        """The event with these details.

        Args:
            message: one sentence for people.
        """
        return Event(self.kind, task, at, message, msgspec.to_builtins(self))

    @classmethod
    def of(cls, event: Event) -> Self:
        """The details of an event that was read from the topic.

        Raises:
            InvalidMessage: the event is of another kind, or lacks a key, as one of an earlier release may.
        """
        if event.kind is not cls.kind:
            raise InvalidMessage(f"Event: its kind is `{event.kind}`, and `{cls.kind}` was expected")
        try:
            return msgspec.convert(event.details, cls)
        except msgspec.ValidationError as error:
            raise InvalidMessage(f"Event: details of `{cls.kind}`: {error}") from error


def config_applied_event(task: str, at: int, message: str, override: Override) -> Event:
    """A config message was applied. Its details are the fields that the message sets; null: the default.

    Secrets are masked.
    """
    return Event(EventKind.CONFIG_APPLIED, task, at, masked(message), masked_values(override))


class ConfigRejectedDetails(EventDetails, frozen=True):
    """A config message changes nothing.

    Attributes:
        problems: a sentence for each problem in it.
    """

    kind = EventKind.CONFIG_REJECTED
    problems: tuple[str, ...]
