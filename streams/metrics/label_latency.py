"""Label latency: counts labels, and the time from each request to its label."""

from collections import defaultdict
from collections.abc import Iterable

from schemas.messages import Label
from streams.metrics.catalog import LABEL_SECONDS
from streams.metrics.registry import MetricRegistry


def observe_labels(metrics: MetricRegistry, labels: Iterable[Label]) -> None:
    """Count labels that are written, by who gave them."""
    seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for label in labels:
        seconds[label.task, label.source].append(max(0, label.labelled_at - label.requested_at) / 1000)
    for (task, source), values in seconds.items():
        metrics.observe(LABEL_SECONDS, values, task, source)
