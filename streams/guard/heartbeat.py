"""Heartbeat of certify: until when all that it reads is folded, and that Redis holds what was folded.

Any worker of the role can say it for all, since it asks the broker what their group has committed:

    1. the offsets that the group has committed, and the ends of the topics, in one look at each
    2. up to which earlier look at the topics the group has read everything, by this process's own clock
    3. Redis must hold every committed offset, since certify writes there first; if it does not, counts are
       lost, and there is no heartbeat until they are rebuilt

So a partition that nobody reads, a worker that hangs and a Redis that was set back all stop the heartbeat.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from mode import Service

from streams.certify.topic_log import TopicLog
from streams.errors import KafkaFailed, StateUnavailable
from streams.guard.reading_history import ReadingHistory
from streams.kafka.backlog import GroupProgress
from streams.outage import Outage
from streams.state.fold_offsets import FoldOffsets
from streams.state.guard import GuardStore

log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks."""


class Observer(Protocol):
    """Looks how far a group has read a topic. Both calls block."""

    def look(self) -> GroupProgress:
        """Raises KafkaFailed: the broker does not say."""

    def close(self) -> None: ...


class GuardHeartbeat(Service):
    """Args:
    observers: each topic that certify folds, with what looks how far its group has read it.
    clock: seconds, monotonic.
    """

    def __init__(
        self,
        store: GuardStore,
        offsets: FoldOffsets,
        observers: Iterable[tuple[TopicLog, Observer]],
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._store = store
        self._offsets = offsets
        self._observers = [(topic_log, observer, ReadingHistory()) for topic_log, observer in observers]
        self._clock = clock
        self._outage = Outage(log, "no heartbeat of certify, will retry", "heartbeats of certify go on")

    async def on_start(self) -> None:
        self.add_future(self._repeat())

    async def on_shutdown(self) -> None:
        for _, observer, _ in self._observers:
            await asyncio.to_thread(observer.close)

    async def look(self) -> bool:
        """Look once; whether there was a heartbeat.

        Raises:
            KafkaFailed: the broker does not say.
            StateUnavailable: Redis is away.
        """
        committed, read_until = await self._look_at_topics()
        folded = await self._offsets.read()
        if folded.rebuilding is not None or FoldOffsets.has_lost(folded, committed):
            self._offsets.remember(committed)
            return False
        if read_until is None:
            return False
        await self._store.beat(round(1000 * (self._clock() - read_until)))
        return True

    async def _look_at_topics(self) -> tuple[dict[str, int], float | None]:
        """What the group has committed, and until when it has read all topics, by `clock`; None while no
        look says so."""
        committed: dict[str, int] = {}
        until: list[float | None] = []
        for topic_log, observer, history in self._observers:
            began = self._clock()
            found = await asyncio.to_thread(observer.look)
            committed.update(
                {f"{topic_log.name}:{partition}": offset for partition, offset in found.committed.items()}
            )
            until.append(history.read_until(began, found))
        known = [at for at in until if at is not None]
        return committed, min(known) if len(known) == len(until) else None

    async def _repeat(self) -> None:
        while not self.should_stop:
            try:
                await self.look()
            except (KafkaFailed, StateUnavailable) as error:
                self._outage.note_failure(error)
            else:
                self._outage.note_success()
            await self.sleep(INTERVAL)
