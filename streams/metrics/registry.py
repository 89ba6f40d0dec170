"""Metric registry of a process: counts what is told to it, and reads gauges when somebody looks.

Telling is cheap: the values of a histogram wait until there are many, or somebody looks. It may be told and
read from any thread.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from streams.metrics.catalog import CATALOG, NAMESPACE, Metric, MetricKind

OTHERS = "(others)"
"""Stands for all tasks beyond the first `MOST_TASKS`: clients may name any task."""
MOST_TASKS = 1_000
_MOST_WAITING = 256
"""Values of one series that wait to be counted."""

Labels = tuple[str, ...]
Readings = Iterable[tuple[Labels, float]]
ReadGauge = Callable[[], Readings]


class MetricRegistry:
    """The metrics of the catalog, and those of the process itself (memory, CPU, open files)."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._gauges = _Gauges()
        self._registry.register(self._gauges)
        self._counters: dict[str, Counter] = {}
        self._labelled: dict[tuple[str, Labels], Counter] = {}
        self._histograms: dict[str, _BatchHistogram] = {}
        self._tasks: set[str] = set()
        for metric in CATALOG:
            self._add(metric)

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Add to a counter."""
        key = metric.name, self._bounded(metric, labels)
        counter = self._labelled.get(key)
        if counter is None:
            counter = self._counters[metric.name]
            self._labelled[key] = counter = counter.labels(*key[1]) if labels else counter
        counter.inc(amount)

    def observe(self, metric: Metric, values: Sequence[float], *labels: str) -> None:
        """Count values in a histogram."""
        if values:
            self._histograms[metric.name].observe(values, self._bounded(metric, labels))

    def read_gauge(self, metric: Metric, read: ReadGauge) -> None:
        """Have a gauge read whenever somebody looks: each reading is its labels and its value.

        Several may read one gauge, with other labels.
        """
        self._gauges.readers.append((metric, read))

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _add(self, metric: Metric) -> None:
        if metric.kind is MetricKind.COUNTER:
            self._counters[metric.name] = Counter(
                metric.name, metric.help, metric.labels, namespace=NAMESPACE, registry=self._registry
            )
        elif metric.kind is MetricKind.HISTOGRAM:
            self._histograms[metric.name] = histogram = _BatchHistogram(metric)
            self._registry.register(histogram)

    def _bounded(self, metric: Metric, labels: Labels) -> Labels:
        if metric.labels[:1] != ("task",) or labels[0] in self._tasks:
            return labels
        if len(self._tasks) >= MOST_TASKS:
            return (OTHERS, *labels[1:])
        self._tasks.add(labels[0])
        return labels


class _Gauges(Collector):
    def __init__(self) -> None:
        self.readers: list[tuple[Metric, ReadGauge]] = []

    def collect(self) -> Iterator[MetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for metric, read in self.readers:
            family = families.get(metric.name)
            if family is None:
                family = GaugeMetricFamily(metric.full_name, metric.help, labels=metric.labels)
                families[metric.name] = family
            for labels, value in _of_first_tasks(metric, read()):
                family.add_metric(labels, value)
        yield from families.values()


def _of_first_tasks(metric: Metric, readings: Readings) -> Iterator[tuple[Labels, float]]:
    """Without those of tasks beyond the first `MOST_TASKS`; each may have many."""
    tasks: set[str] = set()
    for labels, value in readings:
        if metric.labels[:1] == ("task",) and labels[0] not in tasks:
            if len(tasks) >= MOST_TASKS:
                continue
            tasks.add(labels[0])
        yield labels, value


class _BatchHistogram(Collector):
    """A histogram whose values wait, and are counted many at once: when somebody looks, or when many wait."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._bounds = np.array(metric.buckets)
        self._lock = threading.Lock()
        self._waiting: dict[Labels, list[float]] = {}
        self._counts: dict[Labels, tuple[Any, float]] = {}

    def observe(self, values: Sequence[float], labels: Labels) -> None:
        with self._lock:
            waiting = self._waiting.setdefault(labels, [])
            waiting.extend(values)
            if len(waiting) >= _MOST_WAITING:
                self._count(labels)

    def _count(self, labels: Labels) -> None:
        """Count the values that wait. The caller holds the lock."""
        values = np.array(self._waiting.pop(labels))
        counts = np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._bounds) + 1)
        before, total = self._counts.get(labels, (0, 0.0))
        self._counts[labels] = before + counts, total + float(np.sum(values))

    def collect(self) -> Iterator[MetricFamily]:
        metric = self._metric
        family = HistogramMetricFamily(metric.full_name, metric.help, labels=metric.labels)
        with self._lock:
            for labels in list(self._waiting):
                self._count(labels)
            counted = dict(self._counts)
        names = [*map(str, metric.buckets), "+Inf"]
        for labels, (counts, total) in counted.items():
            upto = np.cumsum(counts).tolist()
            family.add_metric(labels, list(zip(names, upto, strict=True)), total)
        yield family
