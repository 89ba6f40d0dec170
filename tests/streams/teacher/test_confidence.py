"""The probability of a label from the log probabilities of its tokens."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.teacher.confidence import TokenLogprob, label_confidence

HALF = math.log(0.5)


def tokens(*spoken: str, logprob: float = HALF) -> list[TokenLogprob]:
    return [TokenLogprob(token, logprob) for token in spoken]


@pytest.mark.parametrize(
    ("said", "label", "spoken", "confidence"),
    [
        ("refund", "refund", ["refund"], 0.5),
        ("refund", "refund", ["ref", "und"], 0.25),
        ('{"label":"refund"}', "refund", ['{"', "label", '":"', "ref", 'und"', "}"], 0.25),
        ('{"label":"label"}', "label", ['{"', "label", '":"', "la", "be", "l", '"}'], 0.125),
        (" Refund.", "refund", [" Ref", "und", "."], 0.25),
        ("refund", "refund", ["ref", "und", "!"], None),
        ("other", "refund", ["other"], None),
        ("refund", "refund", [], None),
    ],
)
def test_only_the_label_s_tokens_count(
    said: str, label: str, spoken: list[str], confidence: float | None
) -> None:
    found = label_confidence(said, label, tokens(*spoken))
    assert found == (None if confidence is None else pytest.approx(confidence))


def test_parts_of_characters_are_put_together() -> None:
    parts = [TokenLogprob("\\xc3", HALF, [0xC3]), TokenLogprob("\\xa9", HALF, [0xA9])]
    assert label_confidence("é", "é", parts) == pytest.approx(0.25)


@given(st.text(min_size=1), st.lists(st.floats(), min_size=1, max_size=1))
def test_it_is_a_probability_or_not_known(label: str, logprobs: list[float]) -> None:
    found = label_confidence(label, label, [TokenLogprob(label, logprobs[0])])
    assert found is None or 0.0 <= found <= 1.0
