"""Removes the policies of a task that is to be forgotten: from a router, and from its disk."""

import logging

from schemas.messages import Forgotten
from streams.rollout.disk_cache import PolicyDiskCache
from streams.tasks import Tasks

log = logging.getLogger(__name__)


class PolicyRemover:
    """Removes the policies of a task that is to be forgotten, from this process and its disk."""

    def __init__(self, tasks: Tasks, copies: PolicyDiskCache) -> None:
        self._tasks = tasks
        self._copies = copies

    def forget(self, forgotten: Forgotten) -> None:
        """Remove those that were fitted by then, where the record is about the whole task."""
        if forgotten.request is not None:
            return
        if self._tasks.drop_policies(forgotten.task, forgotten.at):
            log.info("task %s: its policy is removed, since the task is to be forgotten", forgotten.task)
        try:
            self._copies.remove(forgotten.task, forgotten.at)
        except OSError as error:
            log.error("task %s: its policy could not be removed from disk: %s", forgotten.task, error)
