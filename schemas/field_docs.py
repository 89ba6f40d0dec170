"""What a class's docstring says of it and of its fields, for those who read its schema and no Python."""

import re
import sys
from inspect import cleandoc

from msgspec import Struct

_SECTION = re.compile(r"(?:^|\n\n)Attributes:\n")
_FIELD = re.compile(r"^ {4}(\w+(?:, \w+)*): ", re.MULTILINE)
_SAME_AS = re.compile(r"^as in `(\w+)`")
_NONE = re.compile(r"\bNone\b")


def class_doc(struct: type[Struct]) -> str:
    """The docstring without its list of fields, a line a paragraph."""
    text = _SECTION.split(cleandoc(struct.__doc__ or ""))[0]
    return "\n".join(_as_line(part) for part in text.split("\n\n"))


def field_docs(struct: type[Struct]) -> dict[str, str]:
    """What the docstrings of the class and of those above it say of each field.

    `as in X` is replaced by what the class X says of the field, if the module of the class knows it.
    """
    found: dict[str, str] = {}
    for cls in reversed(struct.__mro__):
        if cls is not Struct and issubclass(cls, Struct):
            found |= _own_docs(cls)
    return {name: _resolve(struct, name, doc) for name, doc in found.items()}


def _own_docs(cls: type[Struct]) -> dict[str, str]:
    _, *lists = _SECTION.split(cleandoc(cls.__doc__ or ""))
    found: dict[str, str] = {}
    for listed in lists:
        _, *parts = _FIELD.split(listed)
        for names, said in zip(parts[::2], parts[1::2], strict=True):
            found |= dict.fromkeys(names.split(", "), _as_line(said).removesuffix("."))
    return found


def _resolve(struct: type[Struct], name: str, doc: str) -> str:
    same = _SAME_AS.match(doc)
    other = getattr(sys.modules[struct.__module__], same[1], None) if same else None
    if same is None or other is None or other is struct:
        return doc
    said = _own_docs(other).get(name)
    return said + doc[same.end() :] if said else doc


def _as_line(text: str) -> str:
    """The text on one line, in the words of JSON."""
    return _NONE.sub("null", " ".join(text.split()))
