"""JSON Schemas (2020-12) of the messages, generated from their types and the docstrings of those."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct, inspect

from schemas.config import Config
from schemas.events import DETAILS, Event, EventKind
from schemas.field_docs import class_doc, field_docs
from schemas.messages import (
    AuditFailure,
    Deferral,
    Encoding,
    Feedback,
    Forgotten,
    Label,
    Reply,
    Request,
    Trace,
)

MESSAGES: Mapping[str, type[Struct]] = MappingProxyType(
    {
        "request": Request,
        "encoding": Encoding,
        "label": Label,
        "deferral": Deferral,
        "reply": Reply,
        "trace": Trace,
        "audit_failure": AuditFailure,
        "config": Config,
        "event": Event,
        "feedback": Feedback,
        "forgotten": Forgotten,
    }
)
"""Each message with the name of its schema."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_LOCAL = "#/$defs/{name}"
_PYTHON_ONLY = r"$(?!\n)"
_NULL = {"type": "null"}
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def _is_given(name: str) -> dict[str, Any]:
    return {"properties": {name: {"not": _NULL}}, "required": [name]}


_RULES: Mapping[type[Struct], dict[str, Any]] = MappingProxyType(
    {
        Request: {"anyOf": [_is_given("text"), _is_given("embedding")]},
        Encoding: {"oneOf": [_is_given("request"), _is_given("check")]},
        Reply: {"oneOf": [_is_given("label"), _is_given("error")]},
    }
)
"""What `__post_init__` checks, which msgspec can't know."""


def message_schema(name: str) -> dict[str, Any]:
    """The schema of one message, whole in itself.

    Args:
        name: one of `MESSAGES`.
    """
    message = MESSAGES[name]
    definitions = schema_definitions([message, *(DETAILS.values() if message is Event else ())], _LOCAL)
    root = definitions.pop(message.__name__)
    if message is Event:
        root["allOf"] = [_rule_of_kind(kind, details) for kind, details in DETAILS.items()]
    head = {"$schema": DIALECT, "$id": f"urn:understudy:schema:{name}"}
    return {**head, **root, **({"$defs": definitions} if definitions else {})}


def schema_definitions(types: Iterable[type[Struct]], template: str) -> dict[str, dict[str, Any]]:
    """Schemas of these types, and of all that they hold, by the names of the types.

    Args:
        template: of a reference to one of them, with `{name}`.
    """
    wanted = tuple(types)
    _, definitions = msgspec.json.schema_components(wanted, ref_template=template)
    settings = set(_records_of(Config))
    for struct in set(_structs_of(wanted)):
        schema = definitions[struct.__name__]
        schema |= _RULES.get(struct, {})
        _describe(schema, struct)
        if struct in settings:
            _make_override(schema)
    return {name: _portable(schema) for name, schema in sorted(definitions.items())}


def _rule_of_kind(kind: EventKind, details: type[Struct]) -> dict[str, Any]:
    """The details of an event are those of its kind."""
    return {
        "if": {"properties": {"kind": {"const": kind.value}}},
        "then": {"properties": {"details": {"$ref": _LOCAL.format(name=details.__name__)}}},
    }


def _describe(schema: dict[str, Any], struct: type[Struct]) -> None:
    """Says of each field what the docstring says, then what its type says."""
    said = class_doc(struct)
    if said:
        schema["description"] = said
    docs = field_docs(struct)
    for name, field in schema["properties"].items():
        parts = [part for part in (docs.get(name), field.pop("description", None)) if part]
        if parts:
            schema["properties"][name] = {"description": "; ".join(parts), **field}


def _make_override(schema: dict[str, Any]) -> None:
    """A config message holds any of the fields; a null restores the default, another name is refused."""
    schema.pop("required", None)
    schema["additionalProperties"] = False
    for name, field in schema["properties"].items():
        if _NULL in field.get("anyOf", ()):
            continue
        about = {key: field.pop(key) for key in ("description", "default") if key in field}
        if "$ref" in field:
            about.pop("default", None)  # of a record: its own fields say theirs
        choices = field.pop("anyOf", [])
        schema["properties"][name] = {**about, "anyOf": [*choices, *([field] if field else []), _NULL]}


def _portable(node: Any) -> Any:
    """What validators of other languages check: base64, which 2020-12 leaves to them, and plain patterns.

    Only Python needs to be told that a line break at the end is none of a `$`.
    """
    if isinstance(node, dict):
        checked = {"pattern": _BASE64} if node.get("contentEncoding") == "base64" else {}
        return {name: _portable(value) for name, value in node.items()} | checked
    if isinstance(node, list):
        return [_portable(value) for value in node]
    return node.replace(_PYTHON_ONLY, "$") if isinstance(node, str) else node


def _records_of(struct: type[Struct]) -> Iterator[type[Struct]]:
    """The type, and those whose fields a config message may set one by one."""
    yield struct
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _records_of(field.type)


def _structs_of(types: Iterable[type[Struct]]) -> Iterator[type[Struct]]:
    """All structs that these types hold."""
    for found in inspect.multi_type_info(types):
        yield from _structs_in(found)


def _structs_in(node: inspect.Type) -> Iterator[type[Struct]]:
    match node:
        case inspect.Metadata():
            yield from _structs_in(node.type)
        case inspect.StructType():
            yield node.cls
            for field in node.fields:
                yield from _structs_in(field.type)
        case inspect.UnionType():
            for inner in node.types:
                yield from _structs_in(inner)
        case inspect.VarTupleType() | inspect.ListType() | inspect.SetType():
            yield from _structs_in(node.item_type)
        case inspect.TupleType():
            for inner in node.item_types:
                yield from _structs_in(inner)
        case inspect.DictType():
            yield from _structs_in(node.value_type)
        case _:
            pass
