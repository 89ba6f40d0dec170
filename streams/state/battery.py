"""Batteries in Redis: the cases that each version of a task must pass, as JSON by their ids.

A battery that can't be read is no empty one: no version goes live by it.
"""

from collections.abc import Sequence
from typing import Any

from redis import exceptions

from schemas.battery import MOST_BYTES, MOST_CASES, BatteryCase, decode_case, encode_case
from schemas.errors import InvalidMessage
from schemas.redis_keys import Keys
from streams.errors import BatteryFull, BatteryUnreadable
from streams.state.connection import Connection, as_text


class BatteryStore:
    """Batteries in Redis. Every method raises `StateUnavailable` while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def cases(self, task: str) -> list[BatteryCase]:
        """The task's cases, by id.

        Raises:
            BatteryUnreadable: a case is broken or of another release, or the battery exceeds its bounds.
        """
        with self._connection.client() as redis:
            stored = await redis.hgetall(self._keys.battery(task))
        entries = {_name(task, name): _as_bytes(value) for name, value in stored.items()}
        if len(entries) > MOST_CASES or sum(map(len, entries.values())) > MOST_BYTES:
            raise BatteryUnreadable(f"the battery of {task} in Redis exceeds its bounds: remove cases")
        return [_decoded(task, name, entries[name]) for name in sorted(entries)]

    async def add(self, task: str, cases: Sequence[BatteryCase]) -> int:
        """Add cases; one with the id of another takes its place. Returns how many there are now.

        Raises:
            BatteryFull: there would be too many, or too large ones; none is added.
        """
        key, added = self._keys.battery(task), {case.id: encode_case(case) for case in cases}
        while True:
            with self._connection.client() as redis:
                async with redis.pipeline(transaction=True) as pipeline:
                    await pipeline.watch(key)
                    stored = await pipeline.hgetall(key)
                    after = {_name(task, name): _as_bytes(value) for name, value in stored.items()} | added
                    _check_bounds(task, after)
                    pipeline.multi()  # type: ignore[no-untyped-call]
                    pipeline.hset(key, mapping=dict[Any, Any](added))
                    try:
                        await pipeline.execute()
                    except exceptions.WatchError:
                        continue  # another operator has changed it
                    return len(after)

    async def remove(self, task: str, ids: Sequence[str]) -> int:
        """Remove cases; returns how many of them there were."""
        with self._connection.client() as redis:
            return int(await redis.hdel(self._keys.battery(task), *ids)) if ids else 0

    async def clear(self, task: str) -> bool:
        """Remove the whole battery, also one that can't be read; whether there was one."""
        with self._connection.client() as redis:
            return bool(await redis.delete(self._keys.battery(task)))


def _name(task: str, name: object) -> str:
    """The name of a field. Raises BatteryUnreadable: it is no UTF-8."""
    try:
        return as_text(name)
    except UnicodeDecodeError as error:
        raise BatteryUnreadable(f"the battery of {task} in Redis has a field that is no text") from error


def _as_bytes(value: bytes | str) -> bytes:
    """The value of a field, which the client does not decode."""
    return value if isinstance(value, bytes) else value.encode()


def _decoded(task: str, name: str, raw: bytes) -> BatteryCase:
    try:
        case = decode_case(raw)
    except InvalidMessage as error:
        raise BatteryUnreadable(
            f"case {name[:100]!r} of the battery of {task} can't be read: {error}; "
            "update this process, or remove the case"
        ) from error
    if case.id != name:
        raise BatteryUnreadable(f"case {name[:100]!r} of the battery of {task} holds another case: remove it")
    return case


def _check_bounds(task: str, stored: dict[str, bytes]) -> None:
    size = sum(map(len, stored.values()))
    if len(stored) > MOST_CASES or size > MOST_BYTES:
        raise BatteryFull(
            f"the battery of {task} would have {len(stored):,} cases and {size:,} bytes; at most "
            f"{MOST_CASES:,} and {MOST_BYTES:,} are allowed, so none is added"
        )
