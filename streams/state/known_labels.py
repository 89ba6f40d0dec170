"""Known labels: what the published versions know of the teacher's labels, read from their manifests."""

import time

from models.errors import PolicyError
from models.manifest import Manifest
from schemas.config import Config
from streams.errors import StateUnreadable
from streams.label_set import LabelSet, known_labels
from streams.state.registry import Registry

_REMEMBERED = 64
_READ_AGAIN = 60.0
"""Seconds after which a manifest is read again: an emptied Redis may give a version's name to another one."""


class KnownLabels:
    """Remembers the labels of the versions that it was asked about last."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, str], tuple[float, frozenset[str] | None]] = {}

    async def of(self, task: str, version: str) -> frozenset[str] | None:
        """The labels that a version knows; None where it is gone or does not say.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        key, now = (task, version), time.monotonic()
        read_at, known = self._known.pop(key, (float("-inf"), None))
        if now - read_at >= _READ_AGAIN:
            raw = await self._registry.manifest(task, version)
            if raw is None:
                return None
            read_at, known = now, _read(raw)
        self._known[key] = read_at, known
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return known

    async def new_to(self, task: str, version: str, config: Config) -> tuple[str, ...]:
        """The labels that the version can't know.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        if not config.teacher.labels:
            return ()
        return LabelSet.of(config.teacher).new_to(await self.of(task, version))

    async def new_to_live(self, task: str, config: Config) -> tuple[str, ...]:
        """The labels that the live version can't know.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        if not config.teacher.labels:
            return ()
        active = await self._registry.active(task)
        return await self.new_to(task, active.version, config) if active else ()


async def live_labels(registry: Registry, task: str) -> frozenset[str]:
    """The labels that the live version can answer with; none without one, or where nobody can name it.

    Raises:
        StateUnavailable: Redis can't be used.
    """
    try:
        active = await registry.active(task)
    except StateUnreadable:
        return frozenset()  # routers answer nothing of this task, and no other may wait for it
    raw = await registry.manifest(task, active.version) if active else None
    try:
        return frozenset(Manifest.decode(raw).labels) if raw else frozenset()
    except PolicyError:
        return frozenset()


def _read(raw: bytes) -> frozenset[str] | None:
    """Of a manifest that can't be read nothing is known, and no worker answers by it."""
    try:
        return known_labels(Manifest.decode(raw))
    except PolicyError:
        return None
