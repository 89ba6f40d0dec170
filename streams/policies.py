"""Keeps this process's policies those that the registry says are active.

A new policy is fetched, verified and tried on its test vectors before the one reference is swapped; until
then, and whenever any of that fails, the old one serves. Redis announces changes; we poll all the same.
"""

import asyncio
import logging
from contextlib import aclosing

from mode import Service

from models.artifact import Artifact
from models.errors import PolicyError
from models.policy import Policy
from streams.errors import StateUnavailable
from streams.live import Live
from streams.posture import Active
from streams.state.copies import Copies
from streams.state.registry import Registry

log = logging.getLogger(__name__)


class PolicyWatch(Service):
    """Installs policies into `live`, first from disk, then as the registry changes.

    Args:
        poll: seconds between looks at the registry.
    """

    def __init__(self, live: Live, registry: Registry, copies: Copies, poll: float) -> None:
        super().__init__()
        self._live = live
        self._registry = registry
        self._copies = copies
        self._poll = poll
        self._turn = asyncio.Lock()
        self._seen: dict[str, Active] = {}

    async def on_start(self) -> None:
        for task, artifact in self._copies.all().items():
            await self._install(task, artifact)
        await self._refresh()
        self.add_future(self._polled())
        self.add_future(self._told())

    async def _polled(self) -> None:
        while not self.should_stop:
            await self.sleep(self._poll)
            await self._refresh()

    async def _told(self) -> None:
        while not self.should_stop:
            try:
                await self._listen()
            except StateUnavailable:
                await self.sleep(self._poll)

    async def _listen(self) -> None:
        async with aclosing(self._registry.changes()) as changes:
            async for task in changes:
                if self.should_stop:
                    return
                if task is not None:
                    await self._refresh()

    async def _refresh(self) -> None:
        async with self._turn:
            try:
                for task in await self._registry.tasks():
                    await self._follow(task)
            except StateUnavailable as error:
                log.debug("policies stay as they are: %s", error)

    async def _follow(self, task: str) -> None:
        active = await self._registry.active(task)
        # Not the version's name alone: a Redis that was emptied starts again at the same names.
        if active is None or self._seen.get(task) == active:
            return
        artifact = await self._registry.fetch(task, active.version)
        if artifact is not None and await self._install(task, artifact):
            await self._save(task, active.version, artifact)
        self._seen[task] = active

    async def _save(self, task: str, version: str, artifact: Artifact) -> None:
        try:
            await asyncio.to_thread(self._copies.save, task, version, artifact)
        except OSError as error:
            log.error("no copy of %s of task %s, so no start without Redis: %s", version, task, error)

    async def _install(self, task: str, artifact: Artifact) -> bool:
        try:
            policy = await asyncio.to_thread(Policy.open, artifact.manifest, artifact.graph)
        except PolicyError as error:
            log.error("a policy of task %s is not used: %s", task, error)
            return False
        self._live.install(task, policy)
        log.info("task %s is served by %s", task, policy.manifest.version)
        return True
