"""What can be wrong with a message.

SchemaError
├── InvalidMessage    bytes that are not the message they should be
├── InvalidVector     an embedding of the wrong length, or with a value that is not finite
└── InvalidConfig     an operator's config with one or more problems, every one of them named
"""

from collections.abc import Sequence


class SchemaError(ValueError):
    """Anything wrong with what came over the wire."""


class InvalidMessage(SchemaError):
    """Bytes that are not the message they should be; names the message and the field."""


class InvalidVector(SchemaError):
    """An embedding that can't be used; says its length or the place of the bad value."""


class InvalidConfig(SchemaError):
    """A config with problems; `problems` holds a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
