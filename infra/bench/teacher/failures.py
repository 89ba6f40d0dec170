"""Audits that never get a label: a content filter refuses a few of the texts, or most of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from infra.bench.corpora import Split
from infra.bench.report import Figure
from infra.bench.servers import deployed
from infra.bench.teacher.stage import (
    AUDITED,
    STEADY,
    TASK,
    PaidEndpoint,
    collected_labels,
    figure_of,
    learned_policy,
    policy_labels,
    publish,
    read_status,
    requests_of,
    send,
    wait_for_status,
)
from infra.harness.client import Conversation
from infra.harness.deployment import Deployment
from models.certificate import Certificate, budget_share, lower_bound
from schemas.config import Config
from schemas.messages import Request
from streams.settings import Settings

FEW, MOST = 0.05, 0.6
PACE, PART = 100.0, 100


def failing(servers: Settings, data: Split) -> list[Figure]:
    """A teacher that agrees always, but fails for good on 5 % of the texts; then one that fails on 60 %."""
    return [*_few_failures(servers, data), *_most_failures(servers, data)]


def _few_failures(servers: Settings, data: Split) -> list[Figure]:
    certified_after, opened = None, False
    with _stage(servers, data, FEW) as (deployment, conversation, requests):
        for start in range(0, len(requests), PART):
            send(conversation, requests[start : start + PART], PACE)
            now = read_status(deployment)
            opened = opened or now.breaker is not None
            if certified_after is None and now.certified:
                certified_after = now.audits + now.failed
        audited = sum(label.audited for label in collected_labels(conversation, len(requests)))
        last = wait_for_status(deployment, "all outcomes", lambda now: now.audits + now.failed >= audited)
    computed = lower_bound(Certificate(audited, last.agreements), budget_share(Config().delta, 1))
    name = f"{FEW:.0%} of the audits fail"
    return [
        figure_of(f"{name}, audits", audited, "audits"),
        figure_of(f"{name}, failed", last.failed, "audits"),
        figure_of(f"{name}, audits until certified", certified_after or -1, "audits"),
        figure_of(f"{name}, certified at the end", last.certified, "times"),
        figure_of(f"{name}, bound in thousandths", 1_000 * last.bound, "", "counts alone", 1_000 * computed),
        figure_of(f"{name}, breaker open", opened or last.breaker is not None, "times"),
    ]


def _most_failures(servers: Settings, data: Split) -> list[Figure]:
    with _stage(servers, data, MOST) as (deployment, conversation, requests):
        certified, sent = False, 0
        while (now := read_status(deployment)).breaker is None and sent < len(requests):
            send(conversation, requests[sent : sent + PART], PACE)
            certified, sent = certified or now.certified, sent + PART
    name = f"{MOST:.0%} of the audits fail"
    return [
        figure_of(f"{name}, certified", certified, "times"),
        figure_of(f"{name}, breaker open", now.breaker is not None, "times"),
        figure_of(f"{name}, audits until it is", now.audits + now.failed, "audits"),
        figure_of(f"{name}, of these failed", now.failed, "audits"),
    ]


@contextmanager
def _stage(
    servers: Settings, data: Split, failing: float
) -> Iterator[tuple[Deployment, Conversation, list[Request]]]:
    """A policy under audit, all that it has not learned as requests, and a teacher that filters."""
    artifact, learned = learned_policy(data)
    behaviour = replace(STEADY, filtered=failing)
    with (
        deployed(servers, "teacher") as deployment,
        PaidEndpoint(policy_labels(artifact, data), behaviour) as paid,
    ):
        deployment.configure(TASK, teacher=paid.config(64), **AUDITED)
        publish(deployment, artifact)
        deployment.worker("route", "teacher", "learn", "certify")
        with closing(Conversation(deployment)) as conversation:
            yield deployment, conversation, requests_of(data, len(data), skip=learned)
