"""Decision counts: how many requests were answered, and why the others were deferred."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

from streams.metrics.catalog import DECISIONS
from streams.metrics.registry import MetricRegistry
from streams.routing.decisions import Decision
from streams.tasks import Task

_reason = attrgetter("reason")


class DecisionCounts:
    """Shows the decisions of this process."""

    def __init__(self, metrics: MetricRegistry) -> None:
        self._metrics = metrics

    def count(self, task: Task, decisions: Sequence[Decision], _: int) -> None:
        """Count the decisions on a task's requests."""
        for reason, count in Counter(map(_reason, decisions)).items():
            self._metrics.add(DECISIONS, count, task.name, reason.value)
