"""Errors of messages.

SchemaError
├── InvalidMessage    bytes that are not a message of the expected type
├── InvalidVector     an embedding of the wrong length, or with a value that is not finite
└── InvalidConfig     an operator's config with one or more problems, all of them named
"""

from collections.abc import Sequence


class SchemaError(ValueError):
    """A message, vector or config that can't be used."""


class InvalidMessage(SchemaError):
    """Bytes that are not a message of the expected type; names the message and the field."""


class InvalidVector(SchemaError):
    """An embedding that can't be used; names its length or the index of the bad value."""


class InvalidConfig(SchemaError):
    """A config with problems; `problems` holds a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
