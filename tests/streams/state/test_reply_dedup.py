"""Of several replies the first label counts, and an error only before it; each time that they are read."""

import secrets

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.reply_dedup import Claim, ReplyDedup, ReplyPosition
from tests.streams.fakes import RememberedReplies


def _place(where: int, request: str, question: str, task: str = "t") -> ReplyPosition:
    """What stands at a place is the same each time that it is read."""
    return ReplyPosition(task, request, where % 2, where, where % 3, where % 5 < 3, question)


_places = st.builds(
    _place,
    where=st.integers(0, 30),
    task=st.sampled_from(["t", "u"]),
    request=st.sampled_from(["a", "{t}:x", "\N{GRINNING FACE}"]),
    question=st.sampled_from(["", "-repeat", "-audit-v1", "-audit-v2"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_places, max_size=8), max_size=6))
async def test_redis_remembers_what_counts(
    connection: Connection, keys: Keys, batches: list[list[ReplyPosition]]
) -> None:
    replies = ReplyDedup(connection, Keys(f"{keys.prefix}-{secrets.token_hex(8)}"), 600)
    expected = RememberedReplies()
    for batch in batches:
        assert await replies.claim(batch) == await expected.claim(batch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12), st.data())
async def test_a_crash_changes_no_claim(
    connection: Connection, keys: Keys, sent: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """What was read since the last commit is read again, and ends as it did without a crash."""
    replies = ReplyDedup(connection, Keys(f"{keys.prefix}-{secrets.token_hex(8)}"), 600)
    places = [ReplyPosition("t", "a", 0, at, attempt, failed) for at, (attempt, failed) in enumerate(sent)]
    claims = [claim for place in places for claim in await replies.claim([place])]
    again = places[data.draw(st.integers(0, len(places))) :]
    assert await replies.claim(again) == claims[len(places) - len(again) :]
    labels = [claim for place, claim in zip(places, claims, strict=True) if claim and not place.failed]
    errors = [place for place, claim in zip(places, claims, strict=True) if claim and place.failed]
    assert len(labels) == any(not failed for _, failed in sent)
    assert len({place.attempt for place in errors}) == len(errors), "an attempt fails once at most"
    assert all(claim is (Claim.SUPERSEDES if errors else Claim.FIRST) for claim in labels)


async def test_keys_of_earlier_releases_are_read(connection: Connection, keys: Keys) -> None:
    replies = ReplyDedup(connection, keys, 600)
    await connection.redis.set(keys.replied("t", "labelled"), "0:1", ex=600)
    first, second = (ReplyPosition("t", "labelled", 0, offset) for offset in (1, 2))
    failed = ReplyPosition("t", "labelled", 0, 3, failed=True)
    assert await replies.claim([first, second, failed]) == [Claim.FIRST, Claim.REFUSED, Claim.REFUSED]
    await connection.redis.set(keys.replied("t", "failed"), "0:1", ex=600)
    error, label = ReplyPosition("t", "failed", 0, 1, failed=True), ReplyPosition("t", "failed", 0, 2)
    assert await replies.claim([error, label]) == [Claim.FIRST, Claim.SUPERSEDES]


async def test_a_reply_is_remembered_for_as_long_as_is_set(connection: Connection, keys: Keys) -> None:
    await ReplyDedup(connection, keys, 60).claim([ReplyPosition("t", "a", 0, 1, 5, failed=True)])
    await ReplyDedup(connection, keys, 600).claim([ReplyPosition("t", "a", 0, 2, 5)])
    assert 60 < await connection.redis.ttl(keys.replied("t", "a")) <= 600
    assert 60 < await connection.redis.ttl(keys.failed("t", "a")) <= 600, "as long as the label"
    assert 0 < await connection.redis.ttl(keys.failed_attempt("t", "a", "", 5)) <= 60
