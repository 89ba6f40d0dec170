"""Spending on the teacher: admits calls under limits, and adds up what calls cost, of each task and of all.

A day is one of UTC, by Redis' clock. An emptied Redis forgets what was spent today.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from schemas.call_limits import CallLimits
from schemas.config import EVERY_TASK
from schemas.redis_keys import Keys
from streams.spending.usage import ScopeUsage
from streams.state.connection import Connection, as_text, is_wrong_type

log = logging.getLogger(__name__)

DAY = 86_400
_KEPT = 35 * DAY
_TOLD = "told."
_AT_ONCE = 100


class Admitted(NamedTuple):
    """Attributes:
    calls: that may begin.
    workers: that have asked for calls lately.
    total, task: what all tasks, and the task, have used before these calls.
    """

    calls: int
    workers: int
    total: ScopeUsage
    task: ScopeUsage


class Spent(NamedTuple):
    """Calls, tokens, money and failed calls of one day so far; `day` counts from 1970."""

    day: int
    calls: float
    tokens: float
    money: float
    failed: float = 0.0


class SpendingStore:
    """What all workers together have spent. Every method raises StateUnavailable while Redis is away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._admit = connection.script("spending_admit")
        self._add = connection.script("spending_add")

    async def admit(
        self,
        worker: str,
        task: str,
        wanted: int,
        first: int,
        lease: float,
        unasked: int,
        limits: tuple[CallLimits, CallLimits],
    ) -> Admitted:
        """Admit as many of the wanted calls as the limits allow.

        Args:
            first: their ids are `<worker>:<first>` and so on.
            lease: seconds after which a call is taken for lost, if nobody says that it has ended: then it is
                not in flight any more, and counts as made.
            unasked: calls that were made without asking since the last time.
            limits: of all tasks together, and of the task.
        """
        keys = [*self._scope_keys(EVERY_TASK), *self._scope_keys(task), self._keys.callers]
        asked: list[Any] = [worker, wanted, first, int(lease * 1000), unasked]
        with self._connection.client():
            reply = await self._admit(keys, [*asked, *chain.from_iterable(map(_arguments, limits)), _KEPT])
        return Admitted(int(reply[0]), int(reply[1]), _usage(reply[2:8]), _usage(reply[8:14]))

    async def add(
        self, task: str, amounts: Mapping[str, float], ended: Sequence[str] = ()
    ) -> tuple[Spent, Spent]:
        """Add amounts to today's spending, and let go of calls that have ended.

        Returns:
            What all tasks, and the task, have spent today.
        """
        keys = [*self._scope_keys(EVERY_TASK)[1:], *self._scope_keys(task)[1:]]
        arguments: list[Any] = [_KEPT, len(ended), *ended, *chain.from_iterable(amounts.items())]
        with self._connection.client():
            reply = await self._add(keys, arguments)
        day, amount = int(reply[0]), [float(value) for value in reply[1:]]
        return Spent(day, *amount[:4]), Spent(day, *amount[4:])

    async def is_news(self, task: str, day: int, what: str) -> bool:
        """Whether this is told for the first time on that day; `task` may be `*`."""
        with self._connection.client() as redis:
            key = f"{self._keys.spending(task)}:{day}"
            return bool(await redis.hsetnx(key, f"{_TOLD}{what}", 1))

    async def day(self, task: str, day: int | None = None) -> dict[str, float]:
        """The amounts of one day by name; of all tasks for `*`.

        Args:
            day: since 1970; None: today.
        """
        with self._connection.client() as redis:
            return _amounts(await redis.hgetall(self._day_key(task, day)))

    async def days(self, tasks: Iterable[str]) -> dict[str, dict[str, float]]:
        """The amounts of today of each of these tasks; none of one whose amounts can't be read."""
        names = list(tasks)
        return dict(zip(names, await self._read([self._day_key(task, None) for task in names]), strict=True))

    async def newest_days(self, task: str, most: int) -> list[tuple[int, dict[str, float]]]:
        """The amounts of the newest days, the oldest first; `most` of them, and no older ones are kept."""
        today = int(time.time() // DAY)
        days = list(range(today - most + 1, today + 1))
        return list(zip(days, await self._read([self._day_key(task, day) for day in days]), strict=True))

    async def _read(self, keys: Sequence[str]) -> list[dict[str, float]]:
        found: list[dict[str, float]] = []
        for start in range(0, len(keys), _AT_ONCE):
            with self._connection.client() as redis:
                async with redis.pipeline(transaction=False) as pipeline:
                    for key in keys[start : start + _AT_ONCE]:
                        pipeline.hgetall(key)
                    replies = await pipeline.execute(raise_on_error=False)
                for reply in replies:
                    if isinstance(reply, RedisError) and not is_wrong_type(reply):
                        raise reply
            some = keys[start : start + _AT_ONCE]
            found += [_readable_amounts(key, reply) for key, reply in zip(some, replies, strict=True)]
        return found

    def _day_key(self, scope: str, day: int | None) -> str:
        return f"{self._keys.spending(scope)}:{int(time.time() // DAY) if day is None else day}"

    def _scope_keys(self, scope: str) -> list[str]:
        return [self._keys.pace(scope), self._keys.calls_in_flight(scope), self._keys.spending(scope)]


def _arguments(limits: CallLimits) -> list[float]:
    values = (
        limits.calls_per_second,
        limits.calls_in_flight,
        limits.calls_per_day,
        limits.tokens_per_day,
        limits.money_per_day,
    )
    return [-1 if value is None else value for value in values]


def _amounts(fields: Mapping[Any, Any]) -> dict[str, float]:
    amounts = {as_text(name): float(value) for name, value in fields.items()}
    return {name: value for name, value in amounts.items() if not name.startswith(_TOLD)}


def _readable_amounts(key: str, reply: Any) -> dict[str, float]:
    """The amounts; none where they can't be read, which concerns no other task or day."""
    try:
        return _amounts(reply if isinstance(reply, dict) else {})
    except ValueError as error:
        log.warning("spending in Redis can't be read, it is not shown: key=%s: %s", key, error)
        return {}


def _usage(reply: Sequence[Any]) -> ScopeUsage:
    wait, in_flight, calls, tokens = (int(value) for value in reply[:4])
    return ScopeUsage(wait / 1000, in_flight, calls, tokens, float(reply[4]), int(reply[5]))
