"""Forwarded tasks: the tasks as if each were paused, for calls that the LLM answers in any case.

So their traces are what those of a paused task are: all of the calls are in the sample, each with the
surrogate's guess and the reason `operator`, and none counts as an answer.
"""

from dataclasses import replace

import msgspec

from models.embedders.contract import Embedder
from streams.tasks import Task, Tasks


class ForwardedTasks:
    """A view of the tasks."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def task(self, name: str) -> Task:
        task = self._tasks.task(name)
        return replace(task, config=msgspec.structs.replace(task.config, paused=True))

    def drop_encoder(self, embedder: Embedder) -> None:
        self._tasks.drop_encoder(embedder)
