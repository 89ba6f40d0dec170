"""Key ring: the keys of apps as Redis has them, looked up again every few seconds.

While Redis is away, or holds a key that this release can't read, the last ones hold, after a restart those of
the copy on disk. Without either nobody knows whether there are keys, so every call is refused. So it is once
Redis has none any more: it may have lost them, and that must not let everybody in.
"""

import logging
from collections.abc import Mapping

import msgspec
from mode import Service

from schemas.api_keys import ApiKey
from streams.errors import StateUnavailable
from streams.gateway.key_copy import KeyCopy
from streams.outage import Outage
from streams.state.api_keys import ApiKeys

log = logging.getLogger(__name__)


class KeyRing(Service):
    """Args:
        poll: seconds between looks.
        copy: on disk.

    Attributes:
        keys: by their ids; None until they have been read once.
    """

    def __init__(self, store: ApiKeys, poll: float, copy: KeyCopy) -> None:
        super().__init__()
        self._store = store
        self._poll = poll
        self._copy = copy
        self.keys: Mapping[str, ApiKey] | None = None
        self._unreadable = Outage(
            log,
            "keys stay as they are, one can't be read (was it made by a later release? "
            "`understudy keys revoke` removes it)",
            "keys can be read again",
        )

    @property
    def were_keys(self) -> bool:
        """Whether there have ever been keys, as far as this machine knows."""
        return self._copy.were_keys

    async def on_start(self) -> None:
        await self.refresh()
        if self.keys is None:
            self.keys = self._copy.read()
        self.add_future(self._watch())

    async def refresh(self) -> None:
        """Look now."""
        try:
            found = await self._store.all()
            if self.keys and not found:
                log.warning(
                    "Redis has no keys any more: calls are refused until `understudy keys create` makes one. "
                    "To do without keys, stop the gateway and remove %s",
                    self._copy.file,
                )
            self.keys = found
            self._copy.write(found)
        except StateUnavailable as error:
            log.debug("keys stay as they are while Redis is away: %s", error)
        except msgspec.DecodeError as error:  # without any, a caller of this machine would need none
            self._unreadable.note_failure(error)
        else:
            self._unreadable.note_success()

    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(self._poll)
            await self.refresh()
