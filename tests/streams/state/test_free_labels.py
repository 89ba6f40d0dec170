"""The first labels of a task count, and go on counting."""

import secrets
from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.free_labels import FreeLabel, FreeLabels

_given = st.builds(
    FreeLabel,
    task=st.sampled_from(["t", "u"]),
    label=st.sampled_from(["a", "b", "c", "d", "{t}", "\N{GRINNING FACE}"]),
    most=st.integers(2, 4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.lists(_given, max_size=6)), max_size=6))
async def test_the_first_so_many_labels_count(
    connection: Connection, keys: Keys, batches: list[tuple[bool, list[FreeLabel]]]
) -> None:
    """Whichever of two workers asks."""
    prefix = Keys(f"{keys.prefix}-{secrets.token_hex(8)}")
    workers = {which: FreeLabels(connection, prefix) for which in (False, True)}
    expected: dict[str, set[str]] = defaultdict(set)
    for which, batch in batches:
        admitted = await workers[which].admit(batch)
        for one in batch:
            if len(expected[one.task]) < one.most:
                expected[one.task].add(one.label)
        assert admitted == [one.label in expected[one.task] for one in batch]


async def test_operators_are_told_once_a_day(connection: Connection, keys: Keys) -> None:
    labels = FreeLabels(connection, keys)
    assert [await labels.is_news(task) for task in ("t", "t", "u")] == [True, False, True]
    assert 0 < await connection.redis.ttl(keys.labels_capped("t")) <= 86_400
