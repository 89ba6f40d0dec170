"""Object owners: which app's key has created an object that an LLM's API keeps, such as a response."""

from hashlib import sha256

from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text

_KEPT = 35 * 86_400
"""Seconds; OpenAI's API keeps responses for 30 days."""


class ObjectOwners:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def note(self, account: str, name: str, owner: str) -> None:
        """Note who has created an object; who was noted first stays.

        Args:
            account: at the LLM's API, in whose name the object is kept.
            name: the object's id there.
            owner: id of the app's key.
        """
        with self._connection.client() as redis:
            await redis.set(self._key(account, name), owner, ex=_KEPT, nx=True)

    async def owner(self, account: str, name: str) -> str | None:
        """Id of the key that has created an object; None where nobody knows."""
        with self._connection.client() as redis:
            found = await redis.get(self._key(account, name))
        return None if found is None else as_text(found)

    def _key(self, account: str, name: str) -> str:
        return self._keys.object_owner(sha256(f"{account}\0{name}".encode()).hexdigest())
