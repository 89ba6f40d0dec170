"""Connection to Redis. While Redis can't be used, calls raise `StateUnavailable`; the log says so once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.commands.core import AsyncScript

from streams.errors import InvalidSettings, StateUnavailable
from streams.outage import Outage

log = logging.getLogger(__name__)

DEFAULT_URL = "redis://127.0.0.1:6379/0"
_BAD_URL = (
    "`redis__url` (UNDERSTUDY_REDIS__URL): expected redis://[user:password@]host[:port][/database], "
    "or rediss:// for TLS, or unix://path"
)

# If Redis refuses a command (out of memory, no replicas, no permission), the cause is not a message. All
# messages wait until an operator has repaired Redis; none may become a dead letter.
_AWAY = (exceptions.RedisError, OSError)


class Connection:
    """A redis-py client that logs when Redis fails, and when it answers again.

    Args:
        url: e.g. `redis://localhost:6379/0`, `rediss://...` for TLS.
        options: further keywords of redis-py's client, such as `username`, `password`, `ssl_ca_certs`.

    Raises:
        InvalidSettings: redis-py refuses the URL or an option.
    """

    def __init__(self, url: str = DEFAULT_URL, **options: Any) -> None:
        defaults = {
            "socket_connect_timeout": 2.0,
            "socket_timeout": 5.0,
            "health_check_interval": 15,
            "retry": Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
        }
        try:
            self.redis: Redis = Redis.from_url(str(url), **{**defaults, **options, "decode_responses": False})
            # redis-py checks options when it makes a connection; this one is never opened.
            self.redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except ValueError as error:
            # The error may quote a part of the URL and its password, so it is not repeated.
            raise InvalidSettings([_BAD_URL]) from error
        except TypeError as error:
            raise InvalidSettings([f"Redis client option refused (UNDERSTUDY_REDIS__*): {error}"]) from error
        self._outage = Outage(
            log, "Redis is away, routing continues with the last policies, learning waits", "Redis is back"
        )

    @property
    def is_available(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return not self._outage.is_on

    @property
    def unchanged_for(self) -> float:
        """Seconds since it became available, or stopped being so."""
        return self._outage.seconds

    @contextmanager
    def client(self) -> Iterator[Redis]:
        """The client, for one or more commands.

        Raises:
            StateUnavailable: Redis did not answer, or refused.
        """
        try:
            yield self.redis
        except _AWAY as error:
            self._outage.note_failure(error)
            raise StateUnavailable(f"Redis request failed, will retry: {error}") from error
        self._outage.note_success()

    def script(self, name: str) -> AsyncScript:
        """The Lua script `<name>.lua` in this folder."""
        source = files(__package__).joinpath(f"{name}.lua").read_text()
        return self.redis.register_script(source)

    async def aclose(self) -> None:
        await self.redis.aclose()


def as_text(value: Any) -> str:
    """The text of a reply. Redis replies with bytes here, although redis-py's types allow more."""
    return value.decode() if isinstance(value, bytes) else str(value)


def is_wrong_type(error: exceptions.RedisError) -> bool:
    """Whether a key holds another type of value: that concerns the key alone, and not Redis."""
    return isinstance(error, exceptions.ResponseError) and str(error).startswith("WRONGTYPE")
