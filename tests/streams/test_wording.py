import pytest

from streams.wording import by_count, counted, counted_of


@pytest.mark.parametrize(("count", "said"), [(0, "0 refits"), (1, "1 refit"), (1_200, "1,200 refits")])
def test_a_noun_follows_its_number(count: int, said: str) -> None:
    assert counted(count, "refit") == said


def test_beside_a_limit_the_noun_follows_the_limit() -> None:
    assert [counted_of(1, limit, "call") for limit in (None, 1, 1_000)] == [
        "1 call",
        "1 of 1 call",
        "1 of 1,000 calls",
    ]


def test_a_verb_follows_its_number() -> None:
    assert [by_count(count, "waits", "wait") for count in (0, 1, 2)] == ["wait", "waits", "wait"]
