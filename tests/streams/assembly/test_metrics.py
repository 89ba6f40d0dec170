"""What a role knows is shown under the names of the catalog."""

import pytest

from streams.assembly.metrics import metrics_services, show_endpoints, show_lane, show_trainer
from streams.metrics.health import Health
from streams.metrics.registry import MetricRegistry
from streams.metrics_settings import MetricsSettings
from streams.teacher.endpoint_circuits import EndpointIdentity
from streams.teacher.queue_depth import QueueDepth

NOW = 1_700_000_060_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.assembly.metrics.unix_ms", lambda: NOW)


def shown(metrics: MetricRegistry) -> set[str]:
    return {line for line in metrics.text().decode().splitlines() if line.startswith("understudy_")}


def test_lanes_show_what_waits_for_how_long() -> None:
    metrics = MetricRegistry()
    show_lane(metrics, "deferrals", lambda: {"t": QueueDepth(3, NOW - 60_000)})
    show_lane(metrics, "audits", lambda: {"t": QueueDepth(1, NOW + 5)})
    assert shown(metrics) == {
        'understudy_teacher_waiting{lane="deferrals",task="t"} 3.0',
        'understudy_teacher_waiting{lane="audits",task="t"} 1.0',
        'understudy_teacher_oldest_seconds{lane="deferrals",task="t"} 60.0',
        'understudy_teacher_oldest_seconds{lane="audits",task="t"} 0.0',
    }


def test_an_endpoint_is_shown_once_and_without_its_password() -> None:
    metrics, url = MetricRegistry(), "https://me:secret@llm.example/v1"
    endpoints = {EndpointIdentity(url, "m", key): key == "A" for key in ("A", "B")}
    show_endpoints(metrics, lambda: endpoints)
    (line,) = shown(metrics)
    assert line.startswith('understudy_endpoint_open{endpoint="https://')
    assert line.endswith('llm.example/v1",model="m"} 1.0')
    assert "secret" not in line


def test_a_trainer_shows_what_it_leads_and_owes() -> None:
    metrics = MetricRegistry()
    show_trainer(metrics, lambda: ["t", "u"], lambda: {"u": NOW - 2_000})
    assert shown(metrics) == {
        'understudy_trainer_leads{task="t"} 1.0',
        'understudy_trainer_leads{task="u"} 1.0',
        'understudy_refit_request_age_seconds{task="u"} 2.0',
    }


def test_readiness_is_a_metric_too() -> None:
    metrics, health = MetricRegistry(), Health()
    metrics_services(MetricsSettings(), metrics, health)
    assert "understudy_ready 0.0" in shown(metrics)
    health.has_started = True
    assert "understudy_ready 1.0" in shown(metrics)
