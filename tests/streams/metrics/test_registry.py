"""The registry shows each metric of the catalog, and no label without bound."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.metrics import catalog
from streams.metrics.catalog import CATALOG, MetricKind
from streams.metrics.registry import MOST_TASKS, OTHERS, MetricRegistry

Sample = tuple[str, frozenset[tuple[str, str]]]


def sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


def samples(metrics: MetricRegistry) -> dict[Sample, float]:
    """Value of each sample, by its name and labels."""
    return {
        sample(one.name, **one.labels): one.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for one in family.samples
    }


def test_names_follow_the_conventions_and_are_given_once() -> None:
    names = [metric.full_name for metric in CATALOG]
    assert len(set(names)) == len(names) > 20
    for metric in CATALOG:
        assert re.fullmatch(r"understudy_[a-z]+(_[a-z]+)*", metric.full_name)
        assert metric.help.endswith(".")
        assert bool(metric.buckets) is (metric.kind is MetricKind.HISTOGRAM)
        assert list(metric.buckets) == sorted(metric.buckets)
        assert "task" not in metric.labels[1:], "the first label is capped"


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)
def test_each_metric_is_shown_once_it_is_told(metric: catalog.Metric) -> None:
    metrics, named = MetricRegistry(), {label: label for label in metric.labels}
    if metric.kind is MetricKind.COUNTER:
        metrics.add(metric, 2, *metric.labels)
        assert samples(metrics)[sample(metric.full_name, **named)] == 2
    elif metric.kind is MetricKind.GAUGE:
        metrics.read_gauge(metric, lambda: [(metric.labels, 2.0)])
        assert samples(metrics)[sample(metric.full_name, **named)] == 2
    else:
        first, beyond = metric.buckets[0], metric.buckets[-1] + 1
        metrics.observe(metric, [first, beyond], *metric.labels)
        shown = samples(metrics)
        assert shown[sample(f"{metric.full_name}_count", **named)] == 2
        assert shown[sample(f"{metric.full_name}_sum", **named)] == pytest.approx(first + beyond)
        upto = [
            shown[sample(f"{metric.full_name}_bucket", **named, le=bound)]
            for bound in (*map(str, metric.buckets), "+Inf")
        ]
        assert upto == [*[1.0] * len(metric.buckets), 2.0], "bounds are inclusive"


def test_tasks_beyond_the_cap_are_one() -> None:
    """Clients may name any task: each name would be a series for as long as the process runs."""
    metrics = MetricRegistry()
    for number in range(MOST_TASKS + 2):
        metrics.add(catalog.DECISIONS, 1, f"t{number}", "accepted")
    metrics.observe(catalog.LABEL_SECONDS, [1.0], "new", "teacher")
    metrics.add(catalog.DECISIONS, 1, "t0", "accepted")
    shown = samples(metrics)
    assert shown[sample("understudy_decisions_total", task="t0", reason="accepted")] == 2
    assert shown[sample("understudy_decisions_total", task=OTHERS, reason="accepted")] == 2
    assert shown[sample("understudy_label_seconds_count", task=OTHERS, source="teacher")] == 1


def test_several_readers_share_a_gauge() -> None:
    metrics = MetricRegistry()
    for role in ("route", "learn"):
        metrics.read_gauge(catalog.CONSUMER_LAG, lambda role=role: [((role, "0"), 3.0)])  # type: ignore[misc]
    shown = samples(metrics)
    for role in ("route", "learn"):
        assert shown[sample("understudy_consumer_lag", role=role, partition="0")] == 3


def test_a_label_of_any_text_is_shown_as_it_is() -> None:
    metrics, name = MetricRegistry(), 'a"b\\c\nd'
    metrics.add(catalog.TEACHER_TOKENS, 1, name)
    assert samples(metrics)[sample("understudy_teacher_tokens_total", task=name)] == 1


def test_a_gauge_shows_all_readings_of_a_task() -> None:
    metrics = MetricRegistry()
    labels = [(f"t{task}", f"v{number}", "overdue") for task in range(30) for number in range(50)]
    more = [(f"u{task}", "v", "lost") for task in range(MOST_TASKS)]
    metrics.read_gauge(catalog.AUDITS, lambda: [(each, 1.0) for each in labels + more])
    shown = samples(metrics)
    assert sample("understudy_audits", task="t29", version="v49", state="overdue") in shown
    assert len({dict(each[1])["task"] for each in shown if each[0] == "understudy_audits"}) == MOST_TASKS


def test_documents_name_no_other_metric() -> None:
    text = (Path(__file__).parents[3] / "infra" / "README.md").read_text()
    named = set(re.findall(r"understudy_[a-z_]+", text)) - {"understudy_"}
    assert named <= {metric.full_name for metric in CATALOG}
    assert len(named) > 10
