"""Config change: fields of one task's config, or of that for all tasks, as they are and as they are to be."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.codec import EVENT
from schemas.config import EVERY_TASK, NOTHING, Config, Override, config_of
from schemas.errors import InvalidConfig
from schemas.event import Event
from schemas.operator_change import ChangedValue, ChangeWish, ConfigChangedDetails, OperatorChange
from schemas.secrets import masked, masked_values
from schemas.topics import Topics
from streams.changes.author import ChangeAuthor
from streams.changes.masked_fields import refuse_masked
from streams.changes.operated_fields import OPERATED
from streams.kafka.batch import Outgoing
from streams.roles.config import parse_message
from streams.teacher.key_variables import key_problem

Check = Callable[[Mapping[str, Any], str], bytes]
"""Encodes what a message sets; raises InvalidConfig."""
_MOST_NAMED = 5
_LONGEST_VALUE = 1_000
"""Characters of a value in a diff; a list of labels may have a hundred thousand."""
_LONGEST_TOLD = 100_000
"""Characters of what an event tells of a field, before and after each: Kafka takes no larger events."""
_LONGEST_UNDO = 40_000
"""Bytes of an undo that is kept: what it sets, and what it was shown against."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """Attributes:
    task: or `*`.
    raw: the config message.
    names: of the fields that it sets or unsets.
    before, after: what each key sets.
    """

    task: str
    raw: bytes
    names: tuple[str, ...]
    before: Mapping[str, Override]
    after: Mapping[str, Override]

    @property
    def override(self) -> Override:
        """What is set for the task."""
        return self.after[self.task]

    @property
    def diff(self) -> tuple[ChangedValue, ...]:
        """Of the config in force."""
        return changed_values(config_of(self.task, self.before), config_of(self.task, self.after))

    @property
    def basis(self) -> bytes:
        """Fingerprint of all that the change rests on, and of what it makes of it."""
        rests_on = [{**self.before.get(name, NOTHING)} for name in (EVERY_TASK, self.task)]
        return hashlib.blake2b(msgspec.json.encode(rests_on) + self.raw, digest_size=16).digest()

    @property
    def undo(self) -> ChangeWish | None:
        """What sets the fields back; None where they may hold what is not to be kept twice."""
        if not OPERATED.issuperset(self.names):
            return None
        after = _in_force(self.task, self.after)
        shown = {name: after[name] for name in self.names}
        return ChangeWish("config", _those_of(self.before, self.task, self.names), self.names, shown=shown)

    def differing(self, shown: Mapping[str, Any]) -> list[str]:
        """The fields of this change that were not in force, before it, as they were shown."""
        before = _in_force(self.task, self.before)
        return [name for name in self.names if name in shown and shown[name] != before[name]]

    def holds(self, override: Override) -> bool:
        """Whether what the task's message sets now has the fields of this change."""
        return all(override.get(name, NOTHING) == self.override.get(name, NOTHING) for name in self.names)

    def event(self, author: ChangeAuthor) -> Event:
        """Says who has changed what, and why.

        Values of fields such as the teacher's prompt and examples are in its details alone: its sentence is
        shown to all who may look at the task.
        """
        changes = [
            f"{one.name}: {one.before} -> {one.after}" if one.name in OPERATED else one.name
            for one in self.diff
        ]
        more = f" and {len(changes) - _MOST_NAMED} more" if len(changes) > _MOST_NAMED else ""
        what = ", ".join(changes[:_MOST_NAMED]) + more or "nothing that is in force"
        message = f"{self.task}: {author.by} has changed the config ({what}): {author.reason}"
        details = ConfigChangedDetails(
            author.by,
            masked(author.reason),
            _told(_those_of(self.before, self.task, self.names)),
            _told(_those_of(self.after, self.task, self.names)),
        )
        return details.event(self.task, author.at, masked(message))


def encode_override(override: Mapping[str, Any], task: str) -> bytes:
    """The config message that sets these fields. Raises InvalidConfig: names every problem."""
    raw = msgspec.json.encode(override)
    parse_message(raw, task)
    return raw


def config_change(
    task: str,
    fields: Mapping[str, Any],
    overrides: Mapping[str, Override],
    key_names: Collection[str],
    unset: Collection[str] = (),
    check: Check = encode_override,
) -> ConfigChange:
    """The change that sets these fields and leaves the others as they were set.

    Args:
        task: or `*`.
        overrides: what each key sets now.
        key_names: environment variables that may hold a teacher's key.
        unset: fields that the task's message shall not set any more; `fields` are set after that.

    Raises:
        InvalidConfig: names every problem.
    """
    kept = {name: value for name, value in overrides.get(task, NOTHING).items() if name not in unset}
    override = merge_fields(kept, fields)
    raw = check(override, task)
    refuse_masked(fields, overrides)
    if (problem := key_problem(fields, key_names)) is not None:
        raise InvalidConfig([problem])
    names = tuple(dict.fromkeys([*fields, *unset]))
    return ConfigChange(task, raw, names, dict(overrides), {**overrides, task: override})


def config_outputs(change: ConfigChange, author: ChangeAuthor, topics: Topics) -> list[Outgoing]:
    """What is written to make the change: the config message, and the event that says who has made it."""
    task = change.task.encode()
    return [
        Outgoing(topics.config, task, change.raw),
        Outgoing(topics.events, task, EVENT.encode(change.event(author))),
    ]


def made_change(change: ConfigChange, author: ChangeAuthor) -> OperatorChange:
    """The change as it is kept; without an undo that is too long to be kept for each of many changes."""
    undo = change.undo
    if undo is not None and len(msgspec.json.encode(undo)) > _LONGEST_UNDO:
        undo = None
    return OperatorChange(author.at, author.by, masked(author.reason), "config", change.diff, undo)


def merge_fields(before: Override, fields: Override) -> dict[str, Any]:
    """The fields of both; a null stays, since it puts back a default that `*` may have changed."""
    both = {name: (before.get(name), value) for name, value in fields.items()}
    return {**before} | {
        name: merge_fields(was, value) if isinstance(was, Mapping) and isinstance(value, Mapping) else value
        for name, (was, value) in both.items()
    }


def changed_values(before: Config, after: Config) -> tuple[ChangedValue, ...]:
    """All fields that differ, with their values as JSON; a long one is cut."""
    old, new = (dict(_leaves(msgspec.to_builtins(config), "")) for config in (before, after))
    return tuple(
        ChangedValue(name, _shown(old.get(name)), _shown(new.get(name)))
        for name in dict.fromkeys((*new, *old))
        if old.get(name) != new.get(name)
    )


def _in_force(task: str, overrides: Mapping[str, Override]) -> dict[str, Any]:
    """The fields of the config as JSON has them."""
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config_of(task, overrides)))
    return fields


def _those_of(overrides: Mapping[str, Override], task: str, names: Collection[str]) -> dict[str, Any]:
    override = overrides.get(task, NOTHING)
    return {name: override[name] for name in names if name in override}


def _leaves(fields: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _told(fields: Mapping[str, Any]) -> Any:
    """The fields as an event tells them: without secrets, and only the length of what is too long."""
    long = {name: size for name, value in fields.items() if (size := len(_json(value))) > _LONGEST_TOLD}
    return masked_values({**fields, **{name: f"({size:,} characters)" for name, size in long.items()}})


def _shown(value: Any) -> str:
    text = masked(_json(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text):,} characters)"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
