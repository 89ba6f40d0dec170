"""Every message survives the wire; what is not the message is refused by the name of what is wrong."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import DEFERRAL, REQUEST, Codec
from schemas.errors import InvalidMessage
from schemas.messages import Deferral
from tests.schemas.examples import DEFERRAL_EXAMPLE, DRAWN, EXAMPLES, GUESS_EXAMPLE

every_message = pytest.mark.parametrize(
    ("codec", "example"), EXAMPLES, ids=[codec.message.__name__ for codec, _ in EXAMPLES]
)


def decoded_without(codec: Codec[Any], example: msgspec.Struct, **fields: Any) -> Any:
    """Decode the example with some fields replaced, or taken out (`...`)."""
    record = json.loads(codec.encode(example)) | fields
    return codec.decode(json.dumps({k: v for k, v in record.items() if v is not ...}).encode())


@given(st.one_of([st.tuples(st.just(codec), drawn) for codec, drawn in DRAWN.items()]))
def test_every_message_survives_the_wire(drawn: tuple[Codec[Any], msgspec.Struct]) -> None:
    codec, message = drawn
    assert codec.decode(codec.encode(message)) == message


@every_message
def test_unknown_fields_are_ignored(codec: Codec[Any], example: msgspec.Struct) -> None:
    def extended(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: extended(inner) for name, inner in value.items()} | {"added": "later"}

    record = extended(json.loads(codec.encode(example)))
    free = {name: record[name] for name in ("metadata", "details") if name in record}
    for inner in free.values():  # maps of the user's own keep what they hold
        inner.pop("added")
    request = (record.get("deferral") or record.get("check") or record).get("request")
    if request:
        request["metadata"].pop("added")
    assert codec.decode(json.dumps(record).encode()) == example


@every_message
def test_a_missing_field_is_refused_by_its_name(codec: Codec[Any], example: msgspec.Struct) -> None:
    required = [field.name for field in msgspec.structs.fields(codec.message) if field.required]
    assert required
    for name in required:
        with pytest.raises(InvalidMessage, match=rf"{codec.message.__name__}: .*`{name}`"):
            decoded_without(codec, example, **{name: ...})


@every_message
def test_a_wrong_type_is_refused_by_its_path(codec: Codec[Any], example: msgspec.Struct) -> None:
    for field in msgspec.structs.fields(codec.message):
        with pytest.raises(InvalidMessage, match=rf"\$\.{field.name}"):
            decoded_without(codec, example, **{field.name: [[]]})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "no value"),
        (b"", "truncated"),
        (b"hello", "malformed"),
        (b"[]", "Expected `object`"),
        (b"null", "Expected `object`"),
        (b'{"x":' + b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes | None, reason: str) -> None:
    for codec, _ in EXAMPLES:
        with pytest.raises(InvalidMessage, match=f"^{codec.message.__name__}: .*{reason}"):
            codec.decode(raw)


@every_message
def test_what_is_not_utf8_is_refused(codec: Codec[Any], example: msgspec.Struct) -> None:
    with pytest.raises(InvalidMessage, match="utf-8"):
        codec.decode(codec.encode(example).replace(b'"t"', b'"\xff"'))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": ""}, r"\$\.id"),
        ({"id": "x" * 257}, r"\$\.id"),
        ({"task": "two words"}, r"\$\.task"),
        ({"task": "../up"}, r"\$\.task"),
        ({"task": "line\n"}, r"\$\.task"),
        ({"text": None, "embedding": None}, "`text`, `embedding` or both"),
        ({"embedding": "AAA"}, r"base64.*\$\.embedding"),
        ({"embedding": [1.0, "2"]}, r"\$\.embedding\[1\]"),
        ({"metadata": {"n": 3}}, r"\$\.metadata"),
    ],
)
def test_a_bad_request_is_refused_by_its_field(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidMessage, match=reason):
        decoded_without(REQUEST, EXAMPLES[0][1], **fields)


@pytest.mark.parametrize("fields", [{"label": None}, {"error": "both"}])
def test_a_reply_has_either_a_label_or_an_error(fields: dict[str, Any]) -> None:
    codec, example = EXAMPLES[3]
    with pytest.raises(InvalidMessage, match="either `label` or `error`"):
        decoded_without(codec, example, **fields)


def test_infinite_novelty_reaches_the_teacher() -> None:
    guess = msgspec.structs.replace(GUESS_EXAMPLE, novelty=float("inf"))
    sent = msgspec.structs.replace(DEFERRAL_EXAMPLE, guess=guess)
    arrived: Deferral = DEFERRAL.decode(DEFERRAL.encode(sent))
    assert arrived.guess is not None
    assert arrived.guess.novelty is None
