"""Operated fields: what of a task's config a person may change on the dashboard.

Nothing of the teacher, the encoder or the apps' calls is among them: whoever sets an URL decides where texts
and an API key go. That takes the right to write the config topic.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from schemas.config import Config, Override
from schemas.field_docs import field_docs

FieldKind = Literal["number", "switch", "choice", "text"]


class OperatedField(NamedTuple):
    """Attributes:
    title: for people.
    kind: how it is typed.
    choices: of a choice, or words that a number may be too.
    nullable: null is a value of its own.
    """

    title: str
    kind: FieldKind
    choices: tuple[str, ...] = ()
    nullable: bool = False


_FIELDS = {
    "target_agreement": OperatedField("Target agreement", "number"),
    "delta": OperatedField("Probability of a wrong claim", "number"),
    "reserve": OperatedField("Reserve at the gate", "number"),
    "threshold": OperatedField("Threshold by hand", "number", nullable=True),
    "paused": OperatedField("Answers paused", "switch"),
    "promotion": OperatedField("How versions go live", "text"),
    "audit_rate": OperatedField("Audit rate", "number", ("auto",)),
    "audit_low": OperatedField("Audit rate once certified", "number"),
    "audit_high": OperatedField("Audit rate until certified", "number"),
    "audit_early": OperatedField("Early audit rate", "number"),
    "audit_enough": OperatedField("Traces that are enough", "number"),
    "audit_overdue": OperatedField("Audit overdue after (s)", "number"),
    "guard_staleness": OperatedField("Defer when uncounted for (s)", "number", ("never",)),
    "alarm_silence": OperatedField("Audits that may stay silent", "number"),
    "alarm_run_length": OperatedField("Audits between false alarms", "number"),
    "repeat_rate": OperatedField("Repeated questions", "number"),
    "label_floor": OperatedField("Floor of a label", "number"),
    "label_added": OperatedField("When a label is added", "choice", ("audit", "defer")),
}
NEVER_ANSWER = "never_answer"
"""A list of labels, which has a form of its own."""
OPERATED = frozenset((*_FIELDS, NEVER_ANSWER))


class FieldView(msgspec.Struct, frozen=True):
    """One field as the page shows it.

    Attributes:
        value: in force.
        own: whether the task's own message sets it, and not that for all tasks or the default.
        meaning: of the field, as the schema has it.
    """

    name: str
    title: str
    kind: FieldKind
    value: Any
    default: Any
    own: bool
    meaning: str
    choices: tuple[str, ...] = ()
    nullable: bool = False


def field_views(config: Config, override: Override) -> list[FieldView]:
    """Each operated field.

    Args:
        override: what the task's own message sets.
    """
    in_force, defaults = msgspec.to_builtins(config), msgspec.to_builtins(Config())
    meanings = field_docs(Config)
    return [
        FieldView(
            name,
            field.title,
            field.kind,
            in_force[name],
            defaults[name],
            name in override,
            meanings.get(name, ""),
            field.choices,
            field.nullable,
        )
        for name, field in _FIELDS.items()
    ]
