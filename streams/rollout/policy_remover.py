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
            log.info("policy removed, because the task is to be forgotten: task=%s", forgotten.task)
        try:
            self._copies.remove(forgotten.task, forgotten.at)
        except OSError as error:
            log.error("policy could not be removed from disk: task=%s: %s", forgotten.task, error)
