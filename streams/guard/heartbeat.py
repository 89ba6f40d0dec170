"""Heartbeat of certify: until when all that it reads is folded, and that Redis holds what was folded.

Any worker of the role can say it for all, since it asks the broker what their group has committed:

    1. the offsets that the group has committed
    2. the oldest message that the group has not committed: its age is how far certify is behind
    3. Redis must hold every committed offset, since certify writes there first; if it does not, counts are
       lost, and there is no heartbeat until they are rebuilt

So a partition that nobody reads, a worker that hangs and a Redis that was set back all stop the heartbeat.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from mode import Service

from streams.certify.topic_log import TopicLog
from streams.errors import KafkaFailed, StateUnavailable
from streams.state.fold_offsets import FoldOffsets
from streams.state.guard import GuardStore

log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks."""


class GuardHeartbeat(Service):
    """Args:
    unread: for each topic that certify folds, a function that returns the time of the oldest message that is
        not committed, Unix milliseconds, None where there is none. It blocks, and raises KafkaFailed.
    clock: Unix milliseconds.
    """

    def __init__(
        self,
        store: GuardStore,
        offsets: FoldOffsets,
        topic_logs: Iterable[TopicLog],
        unread: Sequence[Callable[[], int | None]],
        clock: Callable[[], int],
    ) -> None:
        super().__init__()
        self._store = store
        self._offsets = offsets
        self._topic_logs = tuple(topic_logs)
        self._unread = tuple(unread)
        self._clock = clock

    async def on_start(self) -> None:
        self.add_future(self._repeat())

    async def look(self) -> bool:
        """Look once; whether there was a heartbeat.

        Raises:
            KafkaFailed: the broker does not say.
            StateUnavailable: Redis is away.
        """
        now = self._clock()
        committed: dict[str, int] = {}
        for topic_log in self._topic_logs:
            committed.update(await topic_log.committed())
        oldest = [await asyncio.to_thread(unread) for unread in self._unread]
        folded = await self._offsets.read()
        if folded.rebuilding is not None or FoldOffsets.has_lost(folded, committed):
            self._offsets.remember(committed)
            return False
        behind = now - min((at for at in oldest if at is not None), default=now)
        await self._store.beat(max(0, behind))
        return True

    async def _repeat(self) -> None:
        while not self.should_stop:
            try:
                await self.look()
            except StateUnavailable as error:
                log.debug("no heartbeat of certify while Redis is away: %s", error)
            except KafkaFailed as error:
                log.warning("no heartbeat of certify, will retry: %s", error)
            await self.sleep(INTERVAL)
