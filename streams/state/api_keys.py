"""Keys of apps that call the gateway, in one Redis hash: by their ids, without their secrets."""

import msgspec

from schemas.api_keys import ApiKey
from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text


class ApiKeys:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._name = keys.api_keys

    async def all(self) -> dict[str, ApiKey]:
        """All keys by their ids."""
        with self._connection.client() as redis:
            found = await redis.hgetall(self._name)
        return {
            as_text(number): msgspec.json.decode(as_text(value), type=ApiKey)
            for number, value in found.items()
        }

    async def add(self, key: ApiKey) -> None:
        with self._connection.client() as redis:
            await redis.hset(self._name, key.id, msgspec.json.encode(key))

    async def remove(self, number: str) -> bool:
        """Whether there was such a key."""
        with self._connection.client() as redis:
            return bool(await redis.hdel(self._name, number))
