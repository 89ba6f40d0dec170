"""Removes from Redis the state of a task that is to be forgotten."""

from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text
from streams.state.refit_queue import RefitQueue

_AT_ONCE = 500


async def remove_task(connection: Connection, keys: Keys, task: str) -> int:
    """Remove the task's policies, audits, history and leases. Returns the number of keys removed.

    Two counters stay, and are raised by one: the fencing token, so that a running fit can't publish, and the
    count of changes, so that a change decided on before this can't be made.

    Raises:
        StateUnavailable: Redis can't be used.
    """
    counters = {keys.fence(task), keys.serving_state(task)}
    with connection.client() as redis:
        for counter in sorted(counters):
            await redis.incr(counter)
        matching = redis.scan_iter(match=keys.every(task), count=_AT_ONCE)
        names = [name async for name in matching if as_text(name) not in counters]
        for first in range(0, len(names), _AT_ONCE):
            await redis.delete(*names[first : first + _AT_ONCE])
        await redis.srem(keys.tasks, task)
        await redis.srem(keys.uncounted, task)
        await RefitQueue(connection, keys).remove(task)
        await redis.publish(keys.changes, task)
    return len(names)
