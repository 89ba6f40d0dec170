"""Reads what is known of the labels of a task's live version, when a person asks."""

import asyncio

from models.errors import PolicyError
from models.manifest import Manifest
from streams.dashboard.versions.labels_view import LabelFacts, LabelsView, labels_view
from streams.errors import StateUnreadable
from streams.label_set import LabelSet, known_labels
from streams.status.status_reader import StatusReader
from streams.tasks import Tasks


class LabelsReader:
    def __init__(self, tasks: Tasks, status_reader: StatusReader) -> None:
        self._tasks = tasks
        self._status_reader = status_reader

    async def labels(self, task: str) -> LabelsView:
        """Raises StateUnavailable, StateUnreadable."""
        facts = await self._facts(task)
        # On the event loop, where requests wait, bounds of 150 labels would take 80 ms.
        return LabelsView() if facts is None else await asyncio.to_thread(labels_view, facts)

    async def _facts(self, task: str) -> LabelFacts | None:
        registry = self._status_reader.registry
        active = await registry.active(task)
        raw = await registry.manifest(task, active.version) if active else None
        if active is None or raw is None:
            return None
        try:
            manifest = await asyncio.to_thread(Manifest.decode, raw)
        except PolicyError as error:
            raise StateUnreadable(
                f"a policy in Redis can't be read: task={task} version={active.version}: {error}"
            ) from error
        config = self._tasks.task(task).config
        label_set = LabelSet.of(config.teacher)
        return LabelFacts(
            manifest,
            label_set,
            (await self._status_reader.audits.status(task, active.version)).labels,
            await registry.blocked_labels(task, active.version),
            label_set.new_to(known_labels(manifest)),
            config.never_answer,
        )
