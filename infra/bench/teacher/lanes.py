"""Lanes of the teacher: a backlog before the first policy, a task that hangs, a worker that is killed.

What `before` shows is arithmetic, not another run: without second decisions each deferral is a paid call.
"""

import time
from collections import Counter
from contextlib import closing

import numpy as np

from infra.bench.corpora import Split
from infra.bench.report import Figure
from infra.bench.servers import deployed
from infra.bench.teacher.stage import (
    LATENCY,
    TASK,
    PaidEndpoint,
    collected_labels,
    figure_of,
    gold_labels,
    requests_of,
)
from infra.harness.client import Conversation
from infra.harness.silent_endpoint import silent_endpoint
from schemas.messages import Request
from streams.settings import Settings

OTHER = "hanging"
BACKLOG = 100_000
SLOTS = 10
"""With the latency: some 30 answers a second."""
PACE, SECONDS = 50.0, 30
FLOOD = 40_000
"""More than the windows of four partitions hold on `deferrals` and on `waiting`."""
KILLS, KILLED_REQUESTS, IN_FLIGHT = 20, 6_000, 200
_WARM_UP = 250
"""Requests of each task that are sent before those that are measured."""
_ROUTED = 15.0
"""Seconds until the router has deferred what waits from before."""
_COLD = 3_600.0
"""Seconds at most until a cold start is over."""
_SETTLE = 3.0
"""Seconds for labels that would be too many."""


def backlog(servers: Settings, data: Split) -> list[Figure]:
    """All requests wait before the first policy."""
    requests, gold = _numbered(data, BACKLOG)
    with deployed(servers, "teacher") as deployment, PaidEndpoint(gold) as paid:
        deployment.configure(TASK, teacher=paid.config(SLOTS))
        deployment.worker("route")
        with closing(Conversation(deployment)) as conversation:
            for _ in conversation.send_paced(requests, 20_000.0):
                pass
            began = time.monotonic()
            deployment.worker("teacher", "learn", "certify")
            deployment.worker("trainer")
            labels = collected_labels(conversation, len(requests), _COLD)
            seconds = time.monotonic() - began
        by_calls_alone = len(requests) * LATENCY / SLOTS
        answered = sum(label.source == "surrogate" for label in labels)
        return [
            figure_of("backlog, paid calls", paid.calls.total(), "calls", "a call each", len(requests)),
            figure_of("backlog, all labelled after", seconds, "s", "a call each", by_calls_alone),
            figure_of("backlog, labels by the surrogate", answered, "labels"),
        ]


def hanging(servers: Settings, data: Split) -> list[Figure]:
    """One of two tasks hangs for ever, also with more waiting than windows hold: what the other has of it."""
    alone = _latencies(servers, data, hangs=False)
    figures = []
    for waiting in (0, FLOOD):
        beside, name = (
            _latencies(servers, data, hangs=True, waiting=waiting),
            f"one task hangs, {waiting:,} wait",
        )
        for at in (50, 99):
            reference, value = float(np.percentile(alone, at)), float(np.percentile(beside, at))
            figures.append(figure_of(f"{name}, p{at} of the other", value, "ms", "alone", reference))
    return figures


def killed(servers: Settings, data: Split) -> list[Figure]:
    """The teacher's worker is killed again and again."""
    requests = requests_of(data, KILLED_REQUESTS)
    with deployed(servers, "teacher") as deployment, PaidEndpoint(gold_labels(data)) as paid:
        teaching = paid.config(IN_FLIGHT)
        deployment.configure(TASK, teacher=teaching, repeat_rate=0.0)
        deployment.worker("route", "learn")
        with closing(Conversation(deployment)) as conversation:
            for _ in conversation.send_paced(requests, 20_000.0):
                pass
            for kill in range(1, KILLS + 1):
                worker = deployment.worker("teacher", UNDERSTUDY_SLOT="killed")
                collected_labels(conversation, kill * len(requests) // (KILLS + 1))
                worker.kill()
            deployment.worker("teacher", UNDERSTUDY_SLOT="killed")
            collected_labels(conversation, len(requests))
            time.sleep(_SETTLE)
            labels = collected_labels(conversation, len(requests))
        counts, twice = Counter(label.id for label in labels), paid.calls.total() - len(requests)
        return [
            figure_of("killed 20 times, requests without a label", len(requests) - len(counts), "requests"),
            figure_of("killed 20 times, labels too many", len(labels) - len(counts), "labels"),
            figure_of("killed 20 times, calls paid twice", twice, "calls", "in flight", KILLS * IN_FLIGHT),
        ]


def _latencies(servers: Settings, data: Split, *, hangs: bool, waiting: int = 0) -> list[float]:
    """Milliseconds from each request of the task that is well to its label.

    Args:
        waiting: requests of the other task that wait from before.
    """
    count = int(PACE * SECONDS)
    labels = sorted(set(data.labels))
    with (
        deployed(servers, "teacher") as deployment,
        PaidEndpoint(gold_labels(data)) as paid,
        silent_endpoint() as silent,
    ):
        deployment.configure(TASK, teacher=paid.config(64), refit={"at_least": 1_000_000})
        deployment.configure(OTHER, teacher={"url": silent, "model": "m", "labels": labels})
        deployment.worker("route", "teacher", "learn", UNDERSTUDY_DRAIN="1")
        requests = requests_of(data, count)
        if hangs:
            other = requests_of(data, count, OTHER)
            requests = [request for pair in zip(requests, other, strict=True) for request in pair]
        with closing(Conversation(deployment)) as conversation:
            for _ in conversation.send_paced(_flood(data, waiting), 20_000.0):
                pass
            time.sleep(_ROUTED if waiting else 0.0)
            for _ in conversation.send_paced(requests, PACE * (2 if hangs else 1)):
                pass
            found = collected_labels(conversation, count)
        late = {request.id for request in requests_of(data, count)[_WARM_UP:]}
        return [float(label.labelled_at - label.requested_at) for label in found if label.id in late]


def _numbered(data: Split, count: int) -> tuple[list[Request], dict[str, str]]:
    """Requests with the texts of the data in turns, each with a case number of its own, and their labels."""
    labels, rows = gold_labels(data), requests_of(data, len(data))
    requests, gold = [], {}
    for number in range(count):
        row = rows[number % len(rows)].text or ""
        text = f"{row} (case {number})"
        requests.append(Request(id=f"{TASK}-{number}", task=TASK, text=text))
        gold[text] = labels[row]
    return requests, gold


def _flood(data: Split, count: int) -> list[Request]:
    """Texts may come several times."""
    texts = data.rows.texts or ()
    return [Request(id=f"flood-{n}", task=OTHER, text=texts[n % len(texts)]) for n in range(count)]
