"""Policy sync: keeps the policies and safeguards of this process equal to those in the registry.

A new policy is fetched, verified and tried on its test vectors before the one reference is swapped; until
then, and whenever any of that fails, the old one serves, unless the breaker stops it. Safeguards take effect
first, and stay while Redis is away. Redis announces changes; we poll all the same.
"""

import asyncio
import logging
from contextlib import aclosing

from mode import Service

from models.artifact import Artifact
from models.errors import PolicyError
from models.policy import Policy
from streams.errors import StateUnavailable, StateUnreadable
from streams.rollout.disk_cache import PolicyDiskCache
from streams.state.registry import Registry
from streams.tasks import CandidatePolicy, Tasks
from streams.versions.breaker_state import Breaker, Safeguards
from streams.versions.serving_state import ActiveVersion, Candidate, ServingState

log = logging.getLogger(__name__)


class PolicySync(Service):
    """Installs policies into `tasks`, first from disk, then as the registry changes.

    Args:
        poll: seconds between looks at the registry.
    """

    def __init__(self, tasks: Tasks, registry: Registry, disk_cache: PolicyDiskCache, poll: float) -> None:
        super().__init__()
        self._live_tasks = tasks
        self._registry = registry
        self._disk_cache = disk_cache
        self._poll = poll
        self._lock = asyncio.Lock()
        self._installed: dict[str, ActiveVersion] = {}
        self._candidates: dict[str, Candidate] = {}

    async def on_start(self) -> None:
        for task, safeguards in self._disk_cache.safeguards().items():
            self._live_tasks.set_safeguards(task, safeguards)
        for task, artifact in self._disk_cache.policies().items():
            policy = await self._open(task, artifact)
            if policy is not None:
                self._install(task, policy)
        await self._refresh()
        self.add_future(self._poll_registry())
        self.add_future(self._follow_changes())

    async def _poll_registry(self) -> None:
        while not self.should_stop:
            await self.sleep(self._poll)
            await self._refresh()

    async def _follow_changes(self) -> None:
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
        async with self._lock:
            try:
                for task in await self._registry.tasks() | self._live_tasks.with_policy():
                    await self._follow_if_readable(task)
            except StateUnavailable as error:
                log.debug("policies stay as they are while Redis is away: %s", error)
                self._live_tasks.forget_sampling_states()

    async def _follow_if_readable(self, task: str) -> None:
        """Follow the task, or have it answer nothing; a broken task holds up no other."""
        try:
            await self._follow(task)
        except StateUnreadable as error:
            if self._live_tasks.set_readable(task, False):
                log.error("everything is deferred: %s", error)
        else:
            if self._live_tasks.set_readable(task, True):
                log.warning("the serving state can be read again: task=%s", task)

    async def _follow(self, task: str) -> None:
        serving_state = await self._registry.serving_state(task)
        await self._follow_safeguards(task, serving_state)
        if serving_state.active is None and serving_state.candidate is None:
            return  # a Redis that was emptied: what this process knows holds until a version is published
        await self._follow_active(task, serving_state.active)
        await self._follow_sampling_state(task)
        await self._follow_candidate(task, serving_state.candidate)

    async def _follow_safeguards(self, task: str, serving_state: ServingState) -> None:
        installed, known = self._live_tasks.policy(task), self._live_tasks.safeguards(task)
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
            breaker = breaker.merge(known.breaker)
            blocked = {one: labels | known.blocked.get(one, frozenset()) for one, labels in blocked.items()}
        labels_blocked = {version: labels for version, labels in blocked.items() if labels}
        safeguards = Safeguards(breaker, labels_blocked).after(known)
        if safeguards == known:
            return
        self._live_tasks.set_safeguards(task, safeguards)
        if safeguards.breaker.open != known.breaker.open:
            _log_breaker(task, safeguards.breaker)
        try:
            await asyncio.to_thread(self._disk_cache.save_safeguards, task, safeguards)
        except OSError as error:
            log.error(
                "could not copy the breaker to disk, a start without Redis misses it: task=%s: %s",
                task,
                error,
            )

    async def _follow_active(self, task: str, active: ActiveVersion | None) -> None:
        # Not the version's name alone: a Redis that was emptied starts again at the same names.
        if active is None or self._installed.get(task) == active:
            return
        artifact = await self._registry.fetch(task, active.version)
        policy = await self._open(task, artifact)
        if artifact is not None and policy is not None:
            self._install(task, policy)
            await self._save(task, active.version, artifact)
        self._installed[task] = active

    async def _follow_sampling_state(self, task: str) -> None:
        installed = self._live_tasks.policy(task)
        version = installed.manifest.version if installed else None
        state = await self._registry.sampling_state(task, version)
        self._live_tasks.set_certified(task, version if state.certified else None)
        self._live_tasks.set_certifying(task, state.certifying)
        self._live_tasks.set_drifting(task, version if state.drifting else None)

    async def _follow_candidate(self, task: str, candidate: Candidate | None) -> None:
        if candidate == self._candidates.get(task):
            return
        if candidate is None:
            self._live_tasks.set_candidate(task, None)
            del self._candidates[task]
            log.info("trial ended: task=%s", task)
            return
        policy = await self._open(task, await self._registry.fetch(task, candidate.version))
        tried = CandidatePolicy(policy, candidate.plan.share) if policy else None
        self._live_tasks.set_candidate(task, tried)
        self._candidates[task] = candidate
        if policy is not None:
            mode, version = candidate.plan.mode, candidate.version
            log.info("trial started: version=%s task=%s mode=%s", version, task, mode)

    async def _save(self, task: str, version: str, artifact: Artifact) -> None:
        try:
            await asyncio.to_thread(self._disk_cache.save, task, version, artifact)
        except OSError as error:
            log.error(
                "could not copy a policy to disk, a start without Redis misses it: task=%s version=%s: %s",
                task,
                version,
                error,
            )

    async def _open(self, task: str, artifact: Artifact | None) -> Policy | None:
        if artifact is None:
            return None
        try:
            return await asyncio.to_thread(Policy.open, artifact.manifest, artifact.graph)
        except PolicyError as error:
            log.error("policy not used: task=%s: %s", task, error)
            return None

    def _install(self, task: str, policy: Policy) -> None:
        self._live_tasks.set_policy(task, policy)
        log.info("policy installed: version=%s task=%s", policy.manifest.version, task)


def _log_breaker(task: str, breaker: Breaker) -> None:
    if breaker.open:
        log.warning("breaker opened, everything is deferred: task=%s: %s", task, breaker.reason)
    else:
        log.warning("breaker closed: task=%s", task)
