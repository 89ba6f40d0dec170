"""A case says one thing that a version must do, and is read back as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.battery import BatteryCase, decode_case, encode_case
from schemas.errors import InvalidMessage

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


@given(TEXTS, TEXTS, st.booleans())
def test_a_case_is_read_as_it_was_written(text: str, label: str, must_answer: bool) -> None:
    case = BatteryCase("c", text, label=label, must_answer=must_answer)
    assert decode_case(encode_case(case)) == case


@given(st.binary(max_size=200))
def test_anything_else_is_an_error_of_ours(raw: bytes) -> None:
    with pytest.raises(InvalidMessage, match="battery case: "):
        decode_case(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ('{"id":"c","label":"a"}', "needs a `text` or an `embedding`"),
        ('{"id":"c","text":"x"}', "a case has a `label`, or `must_defer`"),
        ('{"id":"c","text":"x","label":"a","must_defer":true}', "a case has a `label`, or `must_defer`"),
        ('{"id":"c","text":"x","label":"a","must_defer":true,"must_answer":true}', "can't have both"),
        ('{"id":"c d","text":"x","label":"a"}', "regex"),
        ('{"id":"c","text":"x","label":"a","mustanswer":true}', "mustanswer"),
        ('{"id":"c","more":' + "[" * 100_000, "battery case"),
    ],
)
def test_a_case_that_says_nothing_or_two_things_is_refused(raw: str, why: str) -> None:
    with pytest.raises(InvalidMessage, match=why):
        decode_case(raw)
