"""Metrics of a real worker are what the topics hold; health says when it is ready."""

import json
import re
from collections import Counter, defaultdict

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from infra.harness.worker import Worker
from schemas.codec import LABEL
from streams.metrics.catalog import CATALOG
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.wishes import TASK, VERSION, answers, publish, wishes


def url_of(worker: Worker) -> str:
    worker.wait_for_text("metrics and health: ")
    found = re.search(r"metrics and health: ([^\s\"]+)", worker.output())
    assert found is not None
    return found[1]


def samples(*urls: str) -> dict[tuple[str, ...], float]:
    """Sums over processes, by name and labels."""
    summed: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for url in urls:
        for family in text_string_to_metric_families(httpx2.get(f"{url}/metrics").text):
            for one in family.samples:
                labels = [value for name, value in sorted(one.labels.items())]
                summed[one.name, *labels] += one.value
    return summed


def is_ready(url: str) -> bool:
    return httpx2.get(f"{url}/health/ready").status_code == 200


def test_metrics_are_what_the_topics_hold(deployment: Deployment) -> None:
    publish(deployment)
    deployment.environment |= {"UNDERSTUDY_METRICS__PORT": "0", "UNDERSTUDY_LOG__FORMAT": "json"}
    deployment.configure(TASK, threshold=0.5, audit_rate=0.3, repeat_rate=0.0)
    workers = [deployment.worker("route", "learn", "certify"), deployment.worker("route")]
    urls = [url_of(worker) for worker in workers]
    wait_until(lambda: all(map(is_ready, urls)), 60, "workers that are ready")
    requests = wishes(1_000, "metrics") + wishes(100, "new", "new")
    with (
        GoldTeacher(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(requests)
        labels.wait_for(len(requests))
        given = Counter((label.source, label.task) for label in labels.all)
        assert given["teacher", "new"] == 100

        def agrees() -> bool:
            shown = samples(*urls)
            audited = sum(label.audited for label in labels.all)
            counted = {
                state: shown["understudy_audits", state, TASK, VERSION] for state in ("agreed", "disagreed")
            }
            return (
                shown["understudy_messages_total", "route"] == len(requests)
                and shown["understudy_decisions_total", "accepted", TASK] == given["surrogate", TASK] > 0
                and all(
                    shown["understudy_label_seconds_count", source, task] == count
                    for (source, task), count in given.items()
                )
                and sum(counted.values()) == audited > 0
            )

        wait_until(agrees, 60, "metrics that agree with the topics")
        wait_until(lambda: _lag(samples(*urls), "route") == 0, 60, "a lag of none")
    shown = samples(*urls)
    known = {metric.full_name for metric in CATALOG}
    ours = {
        re.sub("_(bucket|sum|count|created)$", "", key[0]) for key in shown if key[0].startswith("understudy")
    }
    assert ours - {name.removesuffix("_total") for name in known} <= known
    assert 0.5 < shown["understudy_agreement_bound", TASK, VERSION] < 1.0
    assert shown["understudy_commits_total", "route"] > 0
    deployment.stop()
    logged = [json.loads(line) for worker in workers for line in worker.output().splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, logged))
    assert TASK in {line.get("task") for line in logged}


def _lag(shown: dict[tuple[str, ...], float], role: str) -> float | None:
    lags = [value for key, value in shown.items() if key[0] == "understudy_consumer_lag" and key[2] == role]
    return sum(lags) if lags else None
