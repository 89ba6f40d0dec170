"""Fields of the config for people: their list with defaults and meaning, and `field=value` as it is typed.

Names, types, defaults and meanings are those of `schemas.config.Config`.
"""

import re
import textwrap
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer
from msgspec import Struct

from infra.console.target_options import percent_hint
from infra.files.formats import content, decode_text
from schemas.config import EVERY_TASK, Config
from schemas.errors import InvalidConfig
from streams.roles.config import parse_message

_MEANING = re.compile(r"^ {4,8}(\w+(?:, \w+)*): (.*(?:\n {9,}.*)*)", re.MULTILINE)
_WIDTH = 100


def fields_help() -> str:
    """All fields with their defaults and meanings, as an epilog that is printed line by line."""
    return "\n".join(["\b", "Fields, with their defaults:", *_field_lines(Config, "")])


def meanings(record: type[Struct]) -> dict[str, str]:
    """What the docstring says of each field."""
    described = {}
    for names, text in _MEANING.findall(record.__doc__ or ""):
        described.update(dict.fromkeys(names.split(", "), " ".join(text.split())))
    return described


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`field=value` and `teacher.url=value` as nested fields.

    A value is JSON, or text as it is. A list may be `a,b`. `@FILE` is the content of a file: its text, or for
    a list its lines.

    Raises:
        BadParameter: there is no `=` in it.
        InvalidFile: the file can't be read.
    """
    fields: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise typer.BadParameter(f"{assignment}: expected field=value; quote a value with spaces")
        *outer, last = name.split(".")
        place = fields
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise typer.BadParameter(f"{assignment}: `{part}` has a value already")
        place[last] = _value(text, _type_of(name))
    return fields


def check_override(override: Mapping[str, Any], key: str = EVERY_TASK) -> bytes:
    """The config message that sets these fields.

    Args:
        key: the task that it is for, or `*`.

    Raises:
        InvalidConfig: with every problem; a percentage where a share belongs is answered with the share.
    """
    raw = msgspec.json.encode(override)
    try:
        parse_message(raw, key)
    except InvalidConfig as error:
        values = dict(_leaves(override, ""))
        raise InvalidConfig([problem + _hint(problem, values) for problem in error.problems]) from error
    return raw


def _field_lines(record: type[Struct], path: str) -> Iterator[str]:
    described = meanings(record)
    for field in msgspec.structs.fields(record):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _field_lines(field.type, f"{path}{field.name}.")
            continue
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        yield f"  {path}{field.name}={msgspec.json.encode(default).decode()}"
        yield from textwrap.wrap(
            described.get(field.name, "").replace("None:", "null:"),
            _WIDTH,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
        )


def _type_of(name: str) -> Any:
    """The type of a field by its dotted name; None where there is no such field."""
    record: Any = Config
    for part in name.split("."):
        if not (isinstance(record, type) and issubclass(record, Struct)):
            return None
        record = {field.name: field.type for field in msgspec.structs.fields(record)}.get(part)
    return record


def _value(text: str, expected: Any) -> Any:
    """The first reading of the text that the field can hold; else the most literal one, to be refused."""
    plain = typing.get_args(expected)[0] if typing.get_origin(expected) is typing.Annotated else expected
    is_list = typing.get_origin(plain) is tuple
    if text.startswith("@"):
        file = Path(text[1:])
        text = decode_text(file, content(file))
        if is_list and not text.lstrip().startswith("["):
            return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        literal = msgspec.json.decode(text)
    except msgspec.DecodeError:
        literal = text
    readings = [literal, text]
    if is_list:
        readings.append([part.strip() for part in text.split(",") if part.strip()])
    return next((reading for reading in readings if reading is None or _holds(expected, reading)), literal)


def _holds(expected: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, expected)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


def _leaves(fields: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _hint(problem: str, values: Mapping[str, Any]) -> str:
    """What may have been meant: a share in place of a percentage."""
    name = problem.split("`")[1] if problem.startswith("`") else ""
    value = values.get(name)
    if isinstance(value, str) and value.endswith("%"):
        value = _number(value.removesuffix("%"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return (
        percent_hint(value) if _holds(_type_of(name), value / 100) and not _holds(_type_of(name), 1.5) else ""
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
