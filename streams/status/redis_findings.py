"""Looks at Redis: whether it answers, keeps what is written, and has a clock like that of this host."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.status.finding import Finding, Level

_ABOUT = "redis"
_LATE = 5.0
_FULL = 0.8


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """What a look at Redis has found.

    Attributes:
        used, limit: bytes of memory; a limit of 0 is none.
        eviction: its `maxmemory-policy`.
        persists: whether it writes to disk.
        ahead: seconds that its clock is ahead of this host's.
    """

    version: str
    used: int
    limit: int
    eviction: str
    persists: bool
    ahead: float


async def redis_findings(connection: Connection) -> list[Finding]:
    """What is right and wrong with Redis."""
    try:
        with connection.client() as redis:
            found: Mapping[str, Any] = await redis.info()
            seconds, micros = await redis.time()
    except StateUnavailable as error:
        advice = "check UNDERSTUDY_REDIS__URL and its password"
        return [Finding(Level.PROBLEM, _ABOUT, f"does not answer ({error.__cause__}): {advice}")]
    facts = RedisFacts(
        version=str(found.get("redis_version", "?")),
        used=int(found.get("used_memory", 0)),
        limit=int(found.get("maxmemory", 0)),
        eviction=str(found.get("maxmemory_policy", "noeviction")),
        persists=bool(int(found.get("aof_enabled", 0))) or int(found.get("rdb_last_save_time", 0)) > 0,
        ahead=seconds + micros / 1_000_000 - time.time(),
    )
    answers = Finding(Level.OK, _ABOUT, f"version {facts.version} answers, {facts.used / 1e6:,.0f} MB used")
    return [answers, *judge_redis(facts)]


def judge_redis(facts: RedisFacts) -> Iterator[Finding]:
    """What follows from the facts."""
    if facts.limit and facts.eviction != "noeviction":
        yield Finding(
            Level.PROBLEM,
            _ABOUT,
            f"`maxmemory-policy` is {facts.eviction}: short of memory it drops policies, counts and keys; "
            "set noeviction",
        )
    if facts.limit and facts.used > _FULL * facts.limit:
        yield Finding(
            Level.WARNING,
            _ABOUT,
            f"{facts.used / facts.limit:.0%} of `maxmemory` is used: raise it before writes are refused",
        )
    if not facts.persists:
        yield Finding(
            Level.WARNING,
            _ABOUT,
            "nothing is written to disk: a restart loses policies and the gateway's keys, and counts are "
            "read again from the topics; turn on `appendonly`",
        )
    if abs(facts.ahead) > _LATE:
        way = "ahead of" if facts.ahead > 0 else "behind"
        yield Finding(
            Level.WARNING,
            _ABOUT,
            f"its clock is {abs(facts.ahead):,.0f} s {way} this host's: synchronize both (NTP)",
        )
