"""A vector in a header is the request's vector, in three forms; what is not of its form is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import REQUEST
from schemas.errors import InvalidMessage
from schemas.messages import Request
from schemas.vector_headers import vector_header
from schemas.vectors import decode_vector, vector_bytes

_VALUES = st.lists(st.floats(-1e3, 1e3, width=16), min_size=1, max_size=16)
BARE = b'{"id": "r1", "task": "t"}'
F32, F16, I8 = (f"understudy-vector-{form}" for form in ("f32", "f16", "i8"))


def decoded(form: str, values: list[float]) -> np.ndarray:
    request = REQUEST.decode(BARE, [("traceparent", b"x"), vector_header(form, np.array(values, "<f4"))])
    assert request.embedding is not None
    return decode_vector(request.embedding, len(values))


@given(_VALUES)
def test_float_forms_are_the_same_vector_as_in_the_value(values: list[float]) -> None:
    in_value = REQUEST.decode(REQUEST.encode(Request("r1", "t", embedding=values)))
    assert in_value.embedding is not None
    for form in ("f32", "f16"):  # the values are of float16, so neither form loses a digit
        assert decoded(form, values).tobytes() == vector_bytes(in_value.embedding)


@given(_VALUES)
def test_int8_is_off_by_half_a_step_at_most(values: list[float]) -> None:
    step = max(map(abs, values)) / 127
    assert np.abs(decoded("i8", values) - np.array(values)).max() <= step * 0.501 + 1e-6


def test_the_rest_of_the_request_stands_in_the_value() -> None:
    rest = Request("r1", "t", text="where?", metadata={"channel": "mail"})
    request = REQUEST.decode(REQUEST.encode(rest), [vector_header("f32", np.ones(2, "<f4"))])
    assert (request.text, request.metadata) == (rest.text, rest.metadata)
    assert request.embedding == np.ones(2, "<f4").tobytes()


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (BARE, [(F32, b"\0" * 4), (F16, b"\0" * 2)], "2 headers hold a vector"),
        (BARE, [("understudy-vector-f64", b"\0" * 8)], "understudy-vector-f64 is none of"),
        (BARE, [(F32, b"\0" * 6)], "6 bytes are not a whole number of float32"),
        (BARE, [(F16, b"\0" * 3)], "3 bytes are not a whole number of float16"),
        (BARE, [(I8, b"\0" * 3)], "3 bytes lack the scale"),
        (BARE, [(I8, b"\0" * 5)], "the scale of the int8 values is 0.0"),
        (BARE, [(I8, np.array([np.nan], "<f4").tobytes() + b"\1")], "the scale of the int8 values is nan"),
        (b'{"id": "r1", "task": "t", "embedding": [1]}', [(F32, b"\0" * 4)], "a header and the value both"),
        (b'{"task": "t"}', [(F32, b"\0" * 4)], "Request: .*`id`"),
        (None, [(F32, b"\0" * 4)], "Request: the message has no value"),
    ],
)
def test_what_is_not_of_the_form_is_refused(
    value: bytes | None, headers: list[tuple[str, bytes]], reason: str
) -> None:
    with pytest.raises(InvalidMessage, match=reason):
        REQUEST.decode(value, headers)


def test_an_unknown_form_is_not_written() -> None:
    with pytest.raises(ValueError, match="f32, f16 and i8, not f64"):
        vector_header("f64", np.ones(2, "<f4"))
