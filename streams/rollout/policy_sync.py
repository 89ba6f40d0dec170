"""Keeps this process's policies, and what stops them, those of the registry.

A new policy is fetched, verified and tried on its test vectors before the one reference is swapped; until
then, and whenever any of that fails, the old one serves, unless the breaker stops it. What stops answers
takes effect first, and stays while Redis is away. Redis announces changes; we poll all the same.
"""

import asyncio
import logging
from contextlib import aclosing

from mode import Service

from models.artifact import Artifact
from models.errors import PolicyError
from models.policy import Policy
from streams.errors import StateUnavailable
from streams.rollout.disk_cache import PolicyDiskCache
from streams.state.registry import Registry
from streams.tasks import CandidatePolicy, Tasks
from streams.versions.breaker import Safeguards
from streams.versions.serving_state import ActiveVersion, Candidate, ServingState

log = logging.getLogger(__name__)


class PolicySync(Service):
    """Installs policies into `live`, first from disk, then as the registry changes.

    Args:
        poll: seconds between looks at the registry.
    """

    def __init__(self, live: Tasks, registry: Registry, copies: PolicyDiskCache, poll: float) -> None:
        super().__init__()
        self._live = live
        self._registry = registry
        self._copies = copies
        self._poll = poll
        self._turn = asyncio.Lock()
        self._seen: dict[str, ActiveVersion] = {}
        self._tried: dict[str, Candidate] = {}

    async def on_start(self) -> None:
        for task, guards in self._copies.safeguards().items():
            self._live.set_safeguards(task, guards)
        for task, artifact in self._copies.policies().items():
            policy = await self._opened(task, artifact)
            if policy is not None:
                self._install(task, policy)
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
                for task in await self._registry.tasks() | self._live.with_policy():
                    await self._follow(task)
            except StateUnavailable as error:
                log.debug("policies stay as they are: %s", error)
                self._live.forget_certificates()

    async def _follow(self, task: str) -> None:
        serving_state = await self._registry.serving_state(task)
        await self._guard(task, serving_state)
        if serving_state.active is None and serving_state.candidate is None:
            return  # a Redis that was emptied: what this process knows holds until a version is published
        await self._follow_active(task, serving_state.active)
        await self._follow_certificate(task)
        await self._follow_candidate(task, serving_state.candidate)

    async def _guard(self, task: str, serving_state: ServingState) -> None:
        installed, known = self._live.policy(task), self._live.safeguards(task)
        versions = {one.version for one in (serving_state.active, serving_state.candidate) if one is not None}
        if installed is not None:
            versions.add(installed.manifest.version)
        versions |= known.blocked.keys()
        blocked = {
            version: await self._registry.blocked_labels(task, version) for version in sorted(versions)
        }
        breaker = serving_state.breaker
        # A Redis emptied since the serving state was read takes nothing back, and may add to it.
        if await self._registry.active(task) is None:
            breaker = breaker.joined(known.breaker)
            blocked = {one: labels | known.blocked.get(one, frozenset()) for one, labels in blocked.items()}
        found = {version: labels for version, labels in blocked.items() if labels}
        guards = Safeguards(breaker, found).after(known)
        if guards == known:
            return
        self._live.set_safeguards(task, guards)
        if guards.breaker.open != known.breaker.open:
            told = f"is open: {guards.breaker.reason}" if guards.breaker.open else "is closed"
            log.warning("the breaker of task %s %s", task, told)
        try:
            await asyncio.to_thread(self._copies.save_safeguards, task, guards)
        except OSError as error:
            log.error("no copy of the breaker of task %s, should Redis be away at a start: %s", task, error)

    async def _follow_active(self, task: str, active: ActiveVersion | None) -> None:
        # Not the version's name alone: a Redis that was emptied starts again at the same names.
        if active is None or self._seen.get(task) == active:
            return
        artifact = await self._registry.fetch(task, active.version)
        policy = await self._opened(task, artifact)
        if artifact is not None and policy is not None:
            self._install(task, policy)
            await self._save(task, active.version, artifact)
        self._seen[task] = active

    async def _follow_certificate(self, task: str) -> None:
        installed = self._live.policy(task)
        version = installed.manifest.version if installed else None
        certified = version is not None and await self._registry.is_certified(task, version)
        self._live.set_certified(task, version if certified else None)

    async def _follow_candidate(self, task: str, candidate: Candidate | None) -> None:
        if candidate == self._tried.get(task):
            return
        if candidate is None:
            self._live.set_candidate(task, None)
            del self._tried[task]
            log.info("task %s has nothing on trial any more", task)
            return
        policy = await self._opened(task, await self._registry.fetch(task, candidate.version))
        self._live.set_candidate(task, CandidatePolicy(policy, candidate.plan.share) if policy else None)
        self._tried[task] = candidate
        if policy is not None:
            log.info("task %s has %s on trial, in %s", task, candidate.version, candidate.plan.mode)

    async def _save(self, task: str, version: str, artifact: Artifact) -> None:
        try:
            await asyncio.to_thread(self._copies.save, task, version, artifact)
        except OSError as error:
            log.error("no copy of %s of task %s, so no start without Redis: %s", version, task, error)

    async def _opened(self, task: str, artifact: Artifact | None) -> Policy | None:
        if artifact is None:
            return None
        try:
            return await asyncio.to_thread(Policy.open, artifact.manifest, artifact.graph)
        except PolicyError as error:
            log.error("a policy of task %s is not used: %s", task, error)
            return None

    def _install(self, task: str, policy: Policy) -> None:
        self._live.set_policy(task, policy)
        log.info("task %s is served by %s", task, policy.manifest.version)
