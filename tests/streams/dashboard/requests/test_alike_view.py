"""Traces are alike by their words, rare ones first, each text once."""

from hypothesis import given
from hypothesis import strategies as st

from streams.dashboard.requests.alike_view import MOST_ALIKE, alike_view
from streams.dashboard.requests.newest_traces import FoundTraces
from tests.streams.dashboard.asked import trace

TEXTS = st.lists(st.text("ab c", max_size=12) | st.none(), max_size=30)


def found(*texts: str | None) -> FoundTraces:
    traces = [trace(f"r{at}", "yes", text=text, requested_at=at) for at, text in enumerate(texts)]
    return FoundTraces(traces, 99)


def test_a_rare_word_weighs_more_than_many_common_ones() -> None:
    texts = [f"please help me with my card {number}" for number in range(20)]
    view = alike_view(found(*texts, "chargeback"), "please, my CHARGEBACK")
    assert view.alike[0].text == "chargeback"
    assert (view.traces, view.looked_at, len(view.alike)) == (21, 99, MOST_ALIKE)


def test_a_text_is_told_once_with_its_newest_trace() -> None:
    view = alike_view(found("my card", "my card", None, "lost"), "my card")
    assert [(one.text, one.id, one.alike) for one in view.alike] == [("my card", "r1", 1.0)]


def test_nothing_in_common_is_nothing() -> None:
    assert alike_view(found("a b", None), "c").alike == []
    assert alike_view(found(), "c").alike == []
    assert alike_view(found("a"), "?!").alike == []


@given(TEXTS, st.text("ab c", max_size=12))
def test_what_is_told_shares_words_and_is_in_order(texts: list[str | None], text: str) -> None:
    alike = alike_view(found(*texts), text).alike
    shares = [one.alike for one in alike]
    assert shares == sorted(shares, reverse=True)
    assert all(0.0 < share <= 1.0 + 1e-9 for share in shares)
    assert all(set(one.text.split()) & set(text.split()) for one in alike)
