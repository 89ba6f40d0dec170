"""Leases: one trainer a task, through a key in Redis and a fencing token that outdates earlier holders.

A process that was paused beyond the expiry may still believe that it holds the lease. That does no harm,
because only the newest token can publish a policy (`streams.state.registry`).
"""

from collections.abc import Sequence

from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text

_AT_ONCE = 500


class Leases:
    """Leases of one process.

    Args:
        owner: name of this process, unique among all processes.
        seconds: time from the last renewal of a lease to its expiry.
    """

    def __init__(self, connection: Connection, keys: Keys, owner: str, seconds: float) -> None:
        self._connection = connection
        self._keys = keys
        self._owner = owner
        self._milliseconds = round(seconds * 1000)
        self._acquire = connection.script("lease_acquire")
        self._renew = connection.script("lease_renew")
        self._tokens: dict[str, int] = {}

    async def acquire(self, task: str) -> int | None:
        """Take or renew the lease. Returns its fencing token, or None while another process holds the lease.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        with self._connection.client():
            lease = self._keys.trainer(task)
            if task in self._tokens and await self._renew([lease], [self._owner, self._milliseconds]):
                return self._tokens[task]
            self._tokens.pop(task, None)
            token = int(
                await self._acquire([lease, self._keys.fence(task)], [self._owner, self._milliseconds])
            )
            if token:
                self._tokens[task] = token
            return token or None

    async def release(self) -> None:
        """Give all leases back, so that a standby need not wait for their expiry."""
        with self._connection.client():
            for task in list(self._tokens):
                await self._renew([self._keys.trainer(task)], [self._owner, 0])
                del self._tokens[task]


async def lease_holders(connection: Connection, keys: Keys, tasks: Sequence[str]) -> dict[str, str]:
    """The process that leads each task, by its name; without tasks that nobody leads.

    Raises:
        StateUnavailable: Redis can't be used.
    """
    found: dict[str, str] = {}
    for start in range(0, len(tasks), _AT_ONCE):
        some = tasks[start : start + _AT_ONCE]
        with connection.client() as redis:
            owners = await redis.mget([keys.trainer(task) for task in some])
        found |= {task: as_text(owner) for task, owner in zip(some, owners, strict=True) if owner}
    return found
