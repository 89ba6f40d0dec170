"""Of several replies to a request the first counts, each time that it is read."""

import secrets

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.reply_dedup import ReplyDedup, ReplyPosition

_places = st.builds(
    ReplyPosition,
    task=st.sampled_from(["t", "u"]),
    request=st.sampled_from(["a", "b", "{t}:x", "\N{GRINNING FACE}"]),
    partition=st.integers(0, 2),
    offset=st.integers(0, 3),
    question=st.sampled_from(["", "-repeat", "-audit-v1", "-audit-v2"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_places, max_size=6), max_size=4))
async def test_the_first_reply_counts_also_when_redelivered(
    connection: Connection, keys: Keys, batches: list[list[ReplyPosition]]
) -> None:
    replies = ReplyDedup(connection, Keys(f"{keys.prefix}-{secrets.token_hex(8)}"), 600)
    first: dict[tuple[str, str, str], ReplyPosition] = {}
    for batch in batches:
        expected = [
            first.setdefault((place.task, place.request, place.question), place) == place for place in batch
        ]
        assert await replies.first(batch) == expected


async def test_a_reply_is_remembered_for_as_long_as_is_set(connection: Connection, keys: Keys) -> None:
    await ReplyDedup(connection, keys, 600).first([ReplyPosition("t", "a", 0, 1)])
    assert 0 < await connection.redis.ttl(keys.replied("t", "a")) <= 600
