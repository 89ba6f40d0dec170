"""Key ring: the keys of apps as Redis has them, looked up again every few seconds.

While Redis is away, or holds a key that this release can't read, the last ones hold. Before they have been
read once, nobody knows whether there are keys, so every call is refused.
"""

import logging
from collections.abc import Mapping

import msgspec
from mode import Service

from schemas.api_keys import ApiKey
from streams.errors import StateUnavailable
from streams.state.api_keys import ApiKeys

log = logging.getLogger(__name__)


class KeyRing(Service):
    """Args:
        poll: seconds between looks.

    Attributes:
        keys: by their ids; None until Redis has answered once.
    """

    def __init__(self, store: ApiKeys, poll: float) -> None:
        super().__init__()
        self._store = store
        self._poll = poll
        self.keys: Mapping[str, ApiKey] | None = None

    async def on_start(self) -> None:
        await self.refresh()
        self.add_future(self._watch())

    async def refresh(self) -> None:
        """Look now."""
        try:
            self.keys = await self._store.all()
        except StateUnavailable as error:
            log.debug("keys stay as they are while Redis is away: %s", error)
        except msgspec.DecodeError as error:  # without any, a caller of this machine would need none
            log.error(
                "keys stay as they are, one can't be read: %s: was it made by a later release? "
                "`understudy keys revoke` removes it",
                error,
            )

    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(self._poll)
            await self.refresh()
