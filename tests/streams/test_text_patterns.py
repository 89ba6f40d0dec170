"""Patterns find their parts, and none of them can take long."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidConfig
from streams.json_paths import compile_path
from streams.roles.config import parse_message
from streams.text_patterns import FoundPart, compile_pattern


def test_a_pattern_finds_its_group() -> None:
    found = compile_pattern(r"No (?P<ignored>\d+):\s*(.*?)\s*END").find("\u00e9 No 12:\n broken\nEND", "text")
    assert found == FoundPart("broken", (10, 16), ((5, 7),))
    named = compile_pattern(r"(a)(?P<text>b)?")
    assert named.find("ab", "text") == FoundPart("b", (1, 2), ())
    assert named.find("a", "text") is named.find("", "text") is None


@given(st.text(alphabet="aa\u00e9\N{GRINNING FACE}", max_size=30))
def test_spans_are_in_characters(around: str) -> None:
    text = f"{around}<is it?>{around}"
    found = compile_pattern("<(.*)>").find(text, "text")
    assert found is not None
    assert text[slice(*found.span)] == found.text == "is it?"


def test_a_pattern_that_would_backtrack_does_not() -> None:
    """A backtracking engine takes 2 to the power of the text's length here."""
    assert compile_pattern("(a+)+b$").find("a" * 100_000, "text") is None


def problems(**chat: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidConfig) as error:
        parse_message(b'{"chat": %s}' % msgspec.json.encode(chat))
    return error.value.problems


@pytest.mark.parametrize(
    ("chat", "says"),
    [
        ({"text": r"(a)\1"}, "`chat.text`: not a regular expression of RE2"),
        ({"label": r"(?=a)(b)"}, "`chat.label`: not a regular expression of RE2"),
        ({"text": "a"}, "put what is meant in parentheses"),
        ({"text": "(?P<ignored>a)"}, "put what is meant in parentheses"),
        ({"text": r"\p{L}{1,50}(.*)"}, "`chat.text`: too large"),
        ({"text": r"((a{1000}){1000})"}, "`chat.text`: not a regular expression"),
        ({"text_path": "ticket"}, "`chat.text_path`: not a path of RFC 9535"),
        ({"text_path": "$..text"}, "`chat.text_path`: a path has names and indexes only"),
        ({"text_path": "$.a[?@.b]"}, "names and indexes only"),
        ({"text_path": "$.a[?match(@.b, '(a+)+')]"}, "`chat.text_path`: "),
        ({"ignored_paths": ["$.id", "$.*"]}, "`chat.ignored_paths`: "),
        ({"calls": ["0123456789ab"]}, "calls belong to one task"),
        ({"prompts": ["any"]}, "`chat.prompts`: Expected"),
    ],
)
def test_what_can_not_be_applied_is_refused(chat: dict[str, Any], says: str) -> None:
    (problem,) = problems(**chat)
    assert says in problem


@given(
    st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_a_path_finds_one_value_or_none(value: Any) -> None:
    found = compile_path("$[0].a[-1]").find(value)
    assert compile_path("$").find(value).value == value
    if found is not None:
        (first, name, last) = found.place
        assert found.value == value[first][name][last]
        assert last == len(value[first][name]) - 1
