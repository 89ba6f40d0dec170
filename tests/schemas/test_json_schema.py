"""JSON Schemas accept what codecs write, and refuse what codecs refuse."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import (
    AUDIT_FAILURE,
    DEFERRAL,
    ENCODING,
    EVENT,
    FEEDBACK,
    FORGOTTEN,
    LABEL,
    REPLY,
    REQUEST,
    TRACE,
    Codec,
)
from schemas.config import parse_override
from schemas.errors import InvalidMessage, SchemaError
from schemas.events import DETAILS, EventDetails, EventKind
from schemas.json_schema import MESSAGES, message_schema
from tests.schemas.any_value import record_of, values_of
from tests.schemas.examples import DRAWN

CODECS: dict[str, Codec[Any]] = {
    "request": REQUEST,
    "encoding": ENCODING,
    "label": LABEL,
    "deferral": DEFERRAL,
    "reply": REPLY,
    "trace": TRACE,
    "audit_failure": AUDIT_FAILURE,
    "feedback": FEEDBACK,
    "forgotten": FORGOTTEN,
}
SCHEMAS = {name: jsonschema_rs.Draft202012Validator(message_schema(name)) for name in MESSAGES}
WRONG: tuple[Any, ...] = (None, True, -1, 0.5, 1.5, "", "two words", "x" * 300, [], [[]], {}, {"": []})
"""Values that are wrong in some places."""

each_codec = pytest.mark.parametrize("name", CODECS)
each_kind = pytest.mark.parametrize(
    "kind", [kind for kind, cls in DETAILS.items() if issubclass(cls, EventDetails)]
)


def places_of(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value within a JSON value."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, inner in pairs:
        yield (*above, name)
        yield from places_of(inner, (*above, name))


def changed(node: Any, place: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    """A copy in which the holder of one value is changed."""
    copy = holder = json.loads(json.dumps(node))
    for name in place[:-1]:
        holder = holder[name]
    change(holder, place[-1])
    return copy


def decodes(name: str, record: Any) -> bool:
    try:
        CODECS[name].decode(msgspec.json.encode(record))
    except InvalidMessage:
        return False
    return True


def is_override(record: Any) -> bool:
    try:
        parse_override(msgspec.json.encode(record))
    except SchemaError:
        return False
    return True


def test_every_message_has_a_schema() -> None:
    assert set(CODECS) | {"event", "config"} == set(MESSAGES)
    for name in MESSAGES:
        jsonschema_rs.meta.validate(message_schema(name))


@given(st.one_of([st.tuples(st.just(codec), drawn) for codec, drawn in DRAWN.items() if codec is not EVENT]))
def test_what_a_codec_writes_is_valid(drawn: tuple[Any, msgspec.Struct]) -> None:
    codec, message = drawn
    (name,) = [name for name, known in CODECS.items() if known is codec]
    SCHEMAS[name].validate(json.loads(codec.encode(message)))


@each_codec
@given(data=st.data())
def test_codec_and_schema_agree_on_any_record(name: str, data: st.DataObject) -> None:
    """Records of the right form, some of which break a rule on several fields."""
    record = data.draw(values_of(MESSAGES[name]))
    assert SCHEMAS[name].is_valid(record) == decodes(name, record)


@each_codec
@given(data=st.data())
def test_codec_and_schema_refuse_the_same_defects(name: str, data: st.DataObject) -> None:
    """Messages in which one value is replaced or left out."""
    record = record_of(data.draw(DRAWN[CODECS[name]]))
    place = data.draw(st.sampled_from(list(places_of(record))))
    wrong = data.draw(st.sampled_from(WRONG))
    replaced = changed(record, place, lambda holder, key: holder.__setitem__(key, wrong))
    without = changed(record, place, lambda holder, key: holder.__delitem__(key))
    for defect in (replaced, without):
        assert SCHEMAS[name].is_valid(defect) == decodes(name, defect), (place, wrong)


@each_kind
@settings(max_examples=20)
@given(data=st.data())
def test_events_of_each_kind_are_valid(kind: EventKind, data: st.DataObject) -> None:
    cls = DETAILS[kind]
    assert issubclass(cls, EventDetails)
    details = msgspec.convert(data.draw(values_of(cls)), cls)
    record = record_of(details.event("t", 7, "a sentence"))
    SCHEMAS["event"].validate(record)
    for key in details.__struct_fields__:
        defect = changed(record, ("details", key), lambda holder, key: holder.__setitem__(key, [[]]))
        assert not SCHEMAS["event"].is_valid(defect)


@given(st.data())
def test_config_messages_that_are_applied_are_valid(data: st.DataObject) -> None:
    record = data.draw(values_of(MESSAGES["config"]))
    places = list(places_of(record))
    removed = data.draw(st.sampled_from(places)) if places else ()
    null = changed(record, removed, lambda holder, key: holder.__setitem__(key, None)) if removed else record
    for fields in (record, null):
        if is_override(fields):
            SCHEMAS["config"].validate(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"no_such_field": 1},
        {"target_agreement": 1.5},
        {"refit": {"growth": "often"}},
        {"teacher": {"no_such_field": 1}},
        {"teacher": {"examples": [{"text": "no label"}]}},
        {"promotion": "canary:2"},
    ],
)
def test_config_messages_that_are_refused_are_invalid(fields: dict[str, Any]) -> None:
    assert not is_override(fields)
    assert not SCHEMAS["config"].is_valid(fields)


def test_every_field_is_described() -> None:
    for name in MESSAGES:
        schema = message_schema(name)
        for owner, record in [(name, schema), *schema.get("$defs", {}).items()]:
            fields = record.get("properties", {})
            assert [field for field, found in fields.items() if not found.get("description")] == [], owner


def test_no_description_speaks_python() -> None:
    assert "None" not in json.dumps([message_schema(name) for name in MESSAGES])
