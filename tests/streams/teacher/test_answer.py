"""Only labels of the set come out of what a model says, whatever it says."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.secrets import remember_secrets
from streams.errors import UnreadableAnswer
from streams.teacher.answer import parse_answer

INTENTS = ("card_arrival", "refund", "Refund status", "etc.")

one_line = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=20
)
WRAPPING_CHARACTERS = "\"'`“”‘’«». "  # noqa: RUF001
labels = st.lists(one_line.filter(str.strip), min_size=1, max_size=6, unique=True)
wrapping = st.sampled_from([" {} ", "\n{}\n\n", '"{}"', "'{}'", "`{}`", "“{}”", "{}."])

fences = st.sampled_from(["{}", "```\n{}\n```", "```text\r\n{}\r\n```\n"])


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("refund", "refund"),
        (' "REFUND". ', "refund"),
        ('```json\n{"label": "Refund Status"}\n```', "Refund status"),
        ('{"label": "refund", "why": "money"}', "refund"),
        ("etc", "etc."),
        ("`Card_Arrival`\n", "card_arrival"),
    ],
)
def test_a_label_is_recognised_in_its_wrapping(said: str, label: str) -> None:
    assert parse_answer(said, INTENTS) == label


UNREADABLE = [
    "",
    " \n",
    "it is refund",
    "refund, card_arrival",
    "refunds",
    '{"intent": "refund"}',
    '{"label": 1}',
]
ENDLESS = ["{" * 20_000, '{"a":' + "[" * 20_000, "." * 20_000, '"' * 20_001, "```" * 20_000]


@pytest.mark.parametrize("said", [*UNREADABLE, '{"label"', "```refund"])
def test_anything_else_is_refused(said: str) -> None:
    with pytest.raises(UnreadableAnswer):
        parse_answer(said, INTENTS)


@pytest.mark.parametrize("said", ENDLESS, ids=range(len(ENDLESS)))
def test_endless_nesting_is_refused(said: str) -> None:
    with pytest.raises(UnreadableAnswer):
        parse_answer(said, INTENTS)


def test_what_was_said_is_quoted_but_not_at_length() -> None:
    with pytest.raises(UnreadableAnswer, match=r"'no idea', which is none of the 4 labels"):
        parse_answer("no idea", INTENTS)
    with pytest.raises(UnreadableAnswer) as refused:
        parse_answer("long " * 1000, INTENTS)
    assert len(str(refused.value)) < 200


def test_no_secret_is_cut_in_two() -> None:
    remember_secrets(["q8marked7secret6of5thirty4letters"])
    with pytest.raises(UnreadableAnswer) as refused:
        parse_answer(f"{'no ' * 22}q8marked7secret6of5thirty4letters", INTENTS)
    assert "q8marked" not in str(refused.value)
    assert "***" in str(refused.value)


def test_case_tells_like_labels_apart() -> None:
    both = ("Apple", "apple")
    assert parse_answer("'apple'.", both) == "apple"
    with pytest.raises(UnreadableAnswer, match="fits 2"):
        parse_answer("APPLE", both)


@given(st.text(max_size=60) | st.builds(lambda text: json.dumps({"label": text}), st.text()), labels)
def test_nothing_outside_the_set_ever_comes_out(said: str, label_set: list[str]) -> None:
    try:
        assert parse_answer(said, label_set) in label_set
    except UnreadableAnswer:
        assert said not in label_set or not said.strip()


@given(labels, st.data())
def test_every_label_is_found_as_it_is(label_set: list[str], data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(label_set))
    assert parse_answer(label, label_set) == label
    assert parse_answer(json.dumps({"label": label}), label_set) == label


@given(labels, st.lists(wrapping, max_size=5), fences, st.booleans(), st.data())
def test_every_label_survives_wrapping(
    label_set: list[str], wrappings: list[str], fence: str, shouted: bool, data: st.DataObject
) -> None:
    distinct = {label.strip(WRAPPING_CHARACTERS).casefold() for label in label_set}
    assume(len(distinct) == len(label_set) and "" not in distinct)
    label = data.draw(st.sampled_from(label_set))
    said = label.upper() if shouted and label.upper().casefold() == label.casefold() else label
    for wrap in [*wrappings, fence]:
        said = wrap.replace("{}", said)
    assert parse_answer(said, label_set) == label


@given(st.text() | one_line, st.sampled_from(["{}", "`{}`.", "```\n{}\n```"]))
def test_without_a_set_any_short_line_is_a_label(text: str, wrap: str) -> None:
    try:
        label = parse_answer(wrap.replace("{}", text), ())
    except UnreadableAnswer:
        return
    assert label.strip()
    assert len(label) <= 256
    assert len(label.splitlines()) == 1


def test_without_a_set_the_label_comes_out_bare() -> None:
    assert parse_answer('{"label": "lost parcel."}', ()) == "lost parcel"
    assert parse_answer(" Lost parcel.\n", ()) == "Lost parcel"


@pytest.mark.parametrize("said", ["a\ud800", '{"label": "\udfff"}'])
def test_half_a_character_is_refused(said: str) -> None:
    """It could not be encoded for anyone."""
    with pytest.raises(UnreadableAnswer, match="half"):
        parse_answer(said, ())


@pytest.mark.parametrize("said", ["...", '""', "a\nb", "x" * 257, '{"intent": "a"}', '{"label": " "}'])
def test_without_a_set_long_answers_are_no_label(said: str) -> None:
    with pytest.raises(UnreadableAnswer):
        parse_answer(said, ())
