"""Outages: a teacher that is away while audits wait, or for longer than requests may wait."""

import time
from collections import Counter
from contextlib import closing

from infra.bench.corpora import Split
from infra.bench.report import Figure
from infra.bench.servers import deployed
from infra.bench.teacher.stage import (
    AUDITED,
    TASK,
    PaidEndpoint,
    collected_labels,
    figure_of,
    gold_labels,
    learned_policy,
    policy_labels,
    publish,
    read_status,
    requests_of,
    send,
    wait_for_status,
)
from infra.harness.client import Conversation
from streams.settings import Settings

OVERDUE, AWAY = 10.0, 6
PACE, CERTIFYING = 40.0, 60
GIVE_UP, TRIED = 5.0, 500
_NOBODY = "http://127.0.0.1:1/v1"


def away(servers: Settings, data: Split) -> list[Figure]:
    """The teacher is away for 6 x `audit_overdue`, and would always agree with the surrogate."""
    artifact, learned = learned_policy(data)
    seconds = CERTIFYING + AWAY * OVERDUE
    requests = requests_of(data, int(PACE * seconds), skip=learned)
    first = int(PACE * CERTIFYING)
    with deployed(servers, "teacher") as deployment, PaidEndpoint(policy_labels(artifact, data)) as paid:
        fields = {**AUDITED, "audit_overdue": OVERDUE}
        deployment.configure(TASK, teacher=paid.config(64), **fields)
        publish(deployment, artifact)
        deployment.worker("route", "teacher", "learn", "certify")
        with closing(Conversation(deployment)) as conversation:
            send(conversation, requests[:first], PACE)
            before = wait_for_status(deployment, "a certificate", lambda now: now.certified)
            deployment.configure(TASK, teacher=paid.config(64) | {"url": _NOBODY}, **fields)
            send(conversation, requests[first:], PACE)
            while_away = read_status(deployment)
            deployment.configure(TASK, teacher=paid.config(64), **fields)
            back = time.monotonic()
            after = wait_for_status(deployment, "the claim", lambda now: now.certified)
            returned = time.monotonic() - back
            labels = collected_labels(conversation, len(requests))
        opened = sum(one.breaker is not None for one in (before, while_away, after))
        counts = Counter(label.id for label in labels)
        return [
            figure_of("teacher away, breaker open", opened, "times"),
            figure_of("teacher away, claim suspended meanwhile", bool(while_away.suspended), "times"),
            figure_of("teacher away, claim back after its return", returned, "s"),
            figure_of("teacher away, ids with one label", len(counts), "ids", "sent", len(requests)),
            figure_of("teacher away, labels too many", len(labels) - len(counts), "labels"),
            figure_of(
                "teacher away, error labels", sum(label.source == "error" for label in labels), "labels"
            ),
        ]


def retried(servers: Settings, data: Split) -> list[Figure]:
    """The teacher is away for longer than `give_up_after`; then clients send the same ids again."""
    requests = requests_of(data, TRIED)
    with deployed(servers, "teacher") as deployment, PaidEndpoint(gold_labels(data)) as paid:
        gone = paid.config(64, give_up_after=GIVE_UP) | {"url": _NOBODY}
        deployment.configure(TASK, teacher=gone, refit={"at_least": 1_000_000})
        deployment.worker("route", "teacher", "learn")
        with closing(Conversation(deployment)) as conversation:
            send(conversation, requests, PACE)
            errors = list(collected_labels(conversation, TRIED))
            deployment.configure(TASK, teacher=paid.config(64), refit={"at_least": 1_000_000})
            time.sleep(2.0)
            send(conversation, requests, PACE)
            labels = collected_labels(conversation, 2 * TRIED)[TRIED:]
            time.sleep(3.0)
            conversation.collect()
            many = len(conversation.labels)
        once = sum(count == 1 for count in Counter(label.id for label in errors).values())
        then = {label.id for label in labels if label.source == "teacher" and label.supersedes}
        return [
            figure_of("retry after an outage, ids with one error", once, "ids", "sent", TRIED),
            figure_of("retry after an outage, ids with a label then", len(then), "ids", "sent", TRIED),
            figure_of("retry after an outage, messages too many", many - 2 * TRIED, "labels"),
        ]
