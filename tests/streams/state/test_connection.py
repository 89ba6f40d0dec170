"""While Redis is away callers have to wait, the log says so once, and nothing has to be restarted."""

import logging
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from infra.local.child import free_port
from infra.local.embedded_redis import EmbeddedRedis
from schemas.redis_keys import Keys
from streams.certify.snapshot import Snapshot
from streams.certify.status import CertificateStatus
from streams.certify.step import Step
from streams.certify.task_state import TaskState
from streams.errors import StateUnavailable
from streams.state.audits import AuditsRead, AuditStore
from streams.state.connection import Connection
from streams.state.fold_offsets import OffsetsRead
from streams.state.lease import Leases
from streams.state.reply_dedup import Claim, ReplyDedup, ReplyPosition

pytestmark = pytest.mark.system

KEYS = Keys("t")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """First words of what was logged since the last call."""
    words = [record.getMessage()[:13] for record in caplog.records if record.name.startswith("streams")]
    caplog.clear()
    return words


async def test_redis_gone_and_back_are_each_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    connection = Connection(f"redis://127.0.0.1:{port}/0")
    replies, audits = ReplyDedup(connection, KEYS, 600), AuditStore(connection, KEYS)
    leases = Leases(connection, KEYS, "me", 60.0)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: replies.claim([ReplyPosition("t", "a", 0, 1), ReplyPosition("t", "a", 0, 2)]),
        lambda: audits.write("t", AuditsRead("", Snapshot(), OffsetsRead()), Step(TaskState(), {})),
        lambda: audits.status("t", "v1"),
        lambda: leases.acquire("t"),
    ]
    for _ in range(2):  # the second server is a new one: it knows no keys and no scripts
        for call in calls:
            with pytest.raises(StateUnavailable):
                await call()
        assert said(caplog) == ["Redis is away"]
        with EmbeddedRedis(port):
            assert [await call() for call in calls] == [
                [Claim.FIRST, Claim.REFUSED],
                True,
                CertificateStatus(),
                1,
            ]
            assert said(caplog) == ["Redis is back"]
    await connection.aclose()


async def test_a_redis_that_hangs_is_away() -> None:
    with EmbeddedRedis() as server:
        connection = Connection(server.url, socket_timeout=0.05, socket_connect_timeout=0.05)
        os.kill(server.pid, signal.SIGSTOP)
        with pytest.raises(StateUnavailable):
            await AuditStore(connection, KEYS).status("t", "v1")
        await connection.aclose()


@pytest.mark.parametrize("refusal", [("maxmemory", "1"), ("min-replicas-to-write", "1")])
async def test_a_redis_that_refuses_writes_is_away(refusal: tuple[str, str]) -> None:
    with EmbeddedRedis() as server:
        connection = Connection(server.url)
        replies, reply = ReplyDedup(connection, KEYS, 600), [ReplyPosition("t", "a", 0, 1)]
        await connection.redis.config_set(*refusal)
        with pytest.raises(StateUnavailable):
            await replies.claim(reply)
        await connection.redis.config_set(refusal[0], "0")
        assert await replies.claim(reply) == [Claim.FIRST]
        await connection.aclose()
