"""Reads what is known of a task's versions, when a person asks; each look reads their manifests."""

import asyncio
import logging

from models.errors import PolicyError
from models.manifest import Manifest
from streams.dashboard.versions.versions_view import NO_TRIAL, VersionFacts, VersionsView, versions_view
from streams.state.trial_counts import TrialCounts
from streams.status.status_reader import StatusReader
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_MOST = 24
"""Newest versions that are looked up."""


class VersionsReader:
    def __init__(self, tasks: Tasks, status_reader: StatusReader, trials: TrialCounts) -> None:
        self._tasks = tasks
        self._status_reader = status_reader
        self._trials = trials

    async def versions(self, task: str) -> VersionsView:
        """Raises StateUnavailable."""
        return versions_view(await self._facts(task), self._tasks.task(task).config)

    async def _facts(self, task: str) -> VersionFacts:
        registry, audits = self._status_reader.registry, self._status_reader.audits
        state, history = await registry.serving_state(task), await registry.history(task)
        kept, candidate = await registry.kept_versions(task), state.candidate
        raw = {version: await registry.manifest(task, version) for version in kept[-_MOST:]}
        named = list(dict.fromkeys([*(move.version for move in history), *kept]))
        return VersionFacts(
            state,
            history,
            kept,
            await asyncio.to_thread(_manifests, task, raw),
            {name: await audits.status(task, name) for name in named[-_MOST:]},
            NO_TRIAL if candidate is None else await self._trials.counts(task, candidate.version),
        )


def _manifests(task: str, raw: dict[str, bytes | None]) -> dict[str, Manifest]:
    """Those that can be read."""
    found = {}
    for version, content in raw.items():
        if content is None:
            continue
        try:
            found[version] = Manifest.decode(content)
        except PolicyError as error:
            log.warning("a manifest in Redis can't be read: task=%s version=%s: %s", task, version, error)
    return found
