"""Copy of what Redis holds, to set it back to it as a restored snapshot does, expiries included."""

from redis import Redis

Copy = dict[str, tuple[bytes, int]]
"""The dump of each key, and its time of expiry in Unix milliseconds; -1 for none."""


def take_copy(redis: "Redis") -> Copy:
    """Raises RedisError."""
    names = [name.decode() for name in redis.keys("*") if isinstance(name, bytes)]
    pipeline = redis.pipeline(transaction=True)
    for name in names:
        pipeline.dump(name)
        pipeline.pexpiretime(name)
    found = pipeline.execute()
    dumps = zip(names, found[::2], found[1::2], strict=True)
    return {name: (dump, expiry) for name, dump, expiry in dumps if dump is not None}


def set_back(redis: "Redis", copy: Copy) -> None:
    """Replace all that Redis holds, in one step. Raises RedisError."""
    pipeline = redis.pipeline(transaction=True)
    pipeline.flushall()
    for name, (dump, expiry) in copy.items():
        pipeline.restore(name, max(0, expiry), dump, absttl=True)
    pipeline.execute()
