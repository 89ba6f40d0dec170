import pytest

from streams.wording import counted


@pytest.mark.parametrize(("count", "said"), [(0, "0 refits"), (1, "1 refit"), (1_200, "1,200 refits")])
def test_a_noun_follows_its_number(count: int, said: str) -> None:
    assert counted(count, "refit") == said
