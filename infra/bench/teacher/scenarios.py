"""Scenarios of `bench teacher`, each on a deployment of its own with an endpoint over real HTTP.

What `before` shows is arithmetic, not another run: without second decisions each deferral is a paid call.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from types import MappingProxyType

import numpy as np

from infra.bench.corpora import Split
from infra.bench.report import Figure
from infra.bench.servers import deployed
from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.client import Conversation
from infra.harness.silent_endpoint import silent_endpoint
from infra.harness.waiting import wait_until
from schemas.messages import Label, Request
from streams.settings import Settings

TASK, OTHER = "asked", "hanging"
BACKLOG = 6_000
LATENCY = 0.3
SLOTS = 10
"""With the latency: some 30 answers a second."""
PACE, SECONDS = 50.0, 30
KILLS, KILLED_REQUESTS, IN_FLIGHT = 20, 6_000, 200
_PATIENCE = 900.0
_SETTLE = 3.0
"""Seconds for labels that would be too many."""

_STEADY = TeacherBehaviour(latency=LATENCY, spread=0.1, wrong=0.0, throttled=0.0, failing=0.0)


def backlog(servers: Settings, data: Split) -> list[Figure]:
    """All requests wait before the first policy."""
    requests = _requests(data, BACKLOG)
    with deployed(servers, "teacher") as deployment, _Paid(_gold(data)) as paid:
        deployment.configure(TASK, teacher=paid.config(sorted(set(data.labels)), SLOTS))
        deployment.worker("route")
        with closing(Conversation(deployment)) as conversation:
            for _ in conversation.send_paced(requests, 20_000.0):
                pass
            began = time.monotonic()
            deployment.worker("teacher", "learn", "certify")
            deployment.worker("trainer")
            labels = _collected(conversation, len(requests))
            seconds = time.monotonic() - began
        by_calls_alone = len(requests) * LATENCY / SLOTS
        answered = sum(label.source == "surrogate" for label in labels)
        return [
            _figure("backlog, paid calls", paid.calls.total(), "calls", "a call each", len(requests)),
            _figure("backlog, all labelled after", seconds, "s", "a call each", by_calls_alone),
            _figure("backlog, labels by the surrogate", answered, "labels"),
        ]


def hanging(servers: Settings, data: Split) -> list[Figure]:
    """One of two tasks hangs for ever: what the other has of it."""
    alone, beside = (_latencies(servers, data, hangs=hangs) for hangs in (False, True))
    figures = []
    for at in (50, 99):
        reference, value = float(np.percentile(alone, at)), float(np.percentile(beside, at))
        figures.append(_figure(f"one task hangs, p{at} of the other", value, "ms", "alone", reference))
    return figures


def killed(servers: Settings, data: Split) -> list[Figure]:
    """The teacher's worker is killed again and again."""
    requests = _requests(data, KILLED_REQUESTS)
    with deployed(servers, "teacher") as deployment, _Paid(_gold(data)) as paid:
        teaching = paid.config(sorted(set(data.labels)), IN_FLIGHT)
        deployment.configure(TASK, teacher=teaching, repeat_rate=0.0)
        deployment.worker("route", "learn")
        with closing(Conversation(deployment)) as conversation:
            for _ in conversation.send_paced(requests, 20_000.0):
                pass
            for kill in range(1, KILLS + 1):
                worker = deployment.worker("teacher", UNDERSTUDY_SLOT="killed")
                _collected(conversation, kill * len(requests) // (KILLS + 1))
                worker.kill()
            deployment.worker("teacher", UNDERSTUDY_SLOT="killed")
            _collected(conversation, len(requests))
            time.sleep(_SETTLE)
            labels = _collected(conversation, len(requests))
        counts, twice = Counter(label.id for label in labels), paid.calls.total() - len(requests)
        return [
            _figure("killed 20 times, requests without a label", len(requests) - len(counts), "requests"),
            _figure("killed 20 times, labels too many", len(labels) - len(counts), "labels"),
            _figure("killed 20 times, calls paid twice", twice, "calls", "in flight", KILLS * IN_FLIGHT),
        ]


SCENARIOS: Mapping[str, Callable[[Settings, Split], list[Figure]]] = MappingProxyType(
    {"backlog": backlog, "hanging": hanging, "killed": killed}
)


def _latencies(servers: Settings, data: Split, *, hangs: bool) -> list[float]:
    """Milliseconds from each request of the task that is well to its label."""
    count = int(PACE * SECONDS)
    labels = sorted(set(data.labels))
    with deployed(servers, "teacher") as deployment, _Paid(_gold(data)) as paid, silent_endpoint() as silent:
        deployment.configure(TASK, teacher=paid.config(labels, 64), refit={"at_least": 1_000_000})
        deployment.configure(OTHER, teacher={"url": silent, "model": "m", "labels": labels})
        deployment.worker("route", "teacher", "learn", UNDERSTUDY_DRAIN="1")
        requests = _requests(data, count)
        if hangs:
            other = _requests(data, count, OTHER)
            requests = [request for pair in zip(requests, other, strict=True) for request in pair]
        with closing(Conversation(deployment)) as conversation:
            for _ in conversation.send_paced(requests, PACE * (2 if hangs else 1)):
                pass
            found = _collected(conversation, count)
        return [float(label.labelled_at - label.requested_at) for label in found if label.task == TASK]


def _requests(data: Split, count: int, task: str = TASK) -> list[Request]:
    """Of rows in a random order, always the same: a file that is sorted by label would rightly be refused."""
    texts: Sequence[str] = data.rows.texts or ()
    order = np.random.default_rng(7).permutation(len(texts))[:count].tolist()
    return [Request(id=f"{task}-{row}", task=task, text=texts[row]) for row in order]


def _gold(data: Split) -> dict[str, str]:
    return dict(zip(data.rows.texts or (), data.labels, strict=True))


def _collected(conversation: Conversation, enough: int) -> list[Label]:
    def have_come() -> bool:
        conversation.collect()
        return len(conversation.labels) >= enough

    wait_until(have_come, _PATIENCE, f"{enough} labels")
    return conversation.labels


class _Paid:
    """An endpoint that knows the gold labels, and the calls that it has answered, by text."""

    def __init__(self, gold: Mapping[str, str]) -> None:
        self.calls: Counter[str] = Counter()
        self._gold = gold

    def __enter__(self) -> "_Paid":
        self._teacher = SimulatedTeacher(self._answer, sorted(set(self._gold.values())), _STEADY)
        return self

    def __exit__(self, *_: object) -> None:
        self._teacher.stop()

    def config(self, labels: Sequence[str], concurrency: int) -> dict[str, object]:
        return {"url": self._teacher.url, "model": "gold", "labels": labels, "concurrency": concurrency}

    def _answer(self, text: str) -> str:
        self.calls[text] += 1
        return self._gold[text]


def _figure(
    name: str, value: float, unit: str, reference: str | None = None, reference_value: float | None = None
) -> Figure:
    ratio = round(value / reference_value, 3) if reference_value else None
    return Figure(name, round(float(value), 1), unit, reference, reference_value, ratio)
