"""`bench encoders`: what a task waits for whose texts need no encoder, beside a task whose encoder hangs.

On a real Kafka, with one worker of each role that decides. Requests come at a fixed pace, whatever is
answered; latencies are those of a client, from the call that sends a request until its label is read.
"""

import time
from collections.abc import Sequence

import numpy as np

from infra.bench.kinds import KINDS
from infra.bench.process import print_progress
from infra.bench.report import Report, figure, report
from infra.bench.request import BenchRequest
from infra.bench.route.workload import TARGET, RoutingCorpus, generated_corpus
from infra.bench.servers import deployed, servers
from infra.bench.trial import policy_of, timed_fit
from infra.harness.deployment import Deployment
from infra.harness.hanging_encoder import hanging_encoder
from infra.harness.policies import publish_policy
from infra.harness.waiting import Stalled
from models.artifact import Artifact
from models.policy import Policy
from schemas.codec import LABEL, REQUEST
from schemas.messages import Request
from streams.settings import ROLES

TASK, HANGING = "bench", "hangs"
_TRACES, _REQUESTS = 1_500, 1_000
_COUNT = 500
_PACE = 50.0
"""Requests a second of the measured task; the hanging one has a fifth of them."""
_BURST = 50
_POLL_S = 0.002
_STALL_S = 60.0


def measure(request: BenchRequest) -> Report:
    """Raises:
    MissingData: see `infra.bench.trial.policy_of`.
    LocalServerError, StreamsError: a server does not start, or the system stalls.
    """
    data = generated_corpus(_TRACES, _REQUESTS)
    kind = next(kind for kind in KINDS if kind.embedder == "text")
    artifact = policy_of(timed_fit(kind, data.traces))
    texts = answered_texts(artifact, data)
    alone: list[float] = []
    beside: list[float] = []
    bursts: list[float] = []
    with servers() as settings:
        for run in range(request.runs):
            with deployed(settings, "encoders") as deployment, hanging_encoder() as spec:
                client = _start(deployment, artifact, spec)
                client.paced(texts[:1], hanging=False)
                alone.append(_p99(client.paced(texts, hanging=False)))
                beside.append(_p99(client.paced(texts, hanging=True)))
                bursts.append(max(client.burst(texts)))
                client.close()
            print_progress(
                f"run {run + 1}: p99 {alone[-1]:.3f} s alone, {beside[-1]:.3f} s beside a hanging encoder, "
                f"{_BURST} requests at once {bursts[-1]:.3f} s"
            )
    return report(
        [
            figure("p99 beside a hanging encoder", beside, "s", "p99 alone", alone),
            figure(f"{_BURST} requests behind {_BURST} of the hanging encoder", bursts, "s"),
        ]
    )


class _WaitingClient:
    """Sends requests, and notes when their labels are read."""

    def __init__(self, deployment: Deployment) -> None:
        self._topics = deployment.topics
        self._producer = deployment.producer()
        self._consumer = deployment.consumer(self._topics.labels)
        self._sent: dict[str, float] = {}
        self._waited: dict[str, float] = {}

    def paced(self, texts: Sequence[str], *, hanging: bool) -> list[float]:
        """Seconds that each request waited; `hanging`: beside requests whose encoder hangs."""
        begun = time.monotonic()
        for number in range(_COUNT):
            while time.monotonic() < begun + number / _PACE:
                self._read()
            if hanging and number % 5 == 0:
                self._send(f"{HANGING}-{begun}-{number}", HANGING, texts[0])
            self._send(f"{begun}-{number}", TASK, texts[number % len(texts)])
        return self._all_waits()

    def burst(self, texts: Sequence[str]) -> list[float]:
        """The same of requests that are all sent at once, behind as many whose encoder hangs."""
        begun = time.monotonic()
        for task in (HANGING, TASK):
            for number in range(_BURST):
                self._send(f"burst-{task}-{begun}-{number}", task, texts[number % len(texts)])
        return self._all_waits()

    def close(self) -> None:
        self._consumer.close()

    def _send(self, name: str, task: str, text: str) -> None:
        request = Request(id=name, task=task, text=text)
        self._producer.produce(self._topics.requests, REQUEST.encode(request), name.encode())
        self._producer.poll(0)
        if task == TASK:
            self._sent[name] = time.monotonic()

    def _all_waits(self) -> list[float]:
        until = time.monotonic() + _STALL_S
        while self._sent:
            self._read()
            if time.monotonic() > until:
                raise Stalled(f"{len(self._sent)} requests have no label after {_STALL_S:.0f} s")
        waits, self._waited = list(self._waited.values()), {}
        return waits

    def _read(self) -> None:
        message = self._consumer.poll(_POLL_S)
        if message is not None and message.error() is None:
            name = LABEL.decode(message.value()).id
            if (sent := self._sent.pop(name, None)) is not None:
                self._waited[name] = time.monotonic() - sent


def _start(deployment: Deployment, artifact: Artifact, spec: str) -> _WaitingClient:
    """Start the roles."""
    publish_policy(deployment.settings, TASK, artifact)
    deployment.configure(TASK, embedder="text", target_agreement=TARGET, audit_rate=0.0)
    deployment.configure(HANGING, embedder=spec)
    for role in ("encode", "route"):
        if role in ROLES:
            deployment.worker(role)
    deployment.workers[-1].wait_for_text("policy installed")
    return _WaitingClient(deployment)


def answered_texts(artifact: Artifact, data: RoutingCorpus) -> list[str]:
    """Texts that the policy answers."""
    policy, rows = Policy.open(artifact.manifest, artifact.graph), data.requests.rows
    texts = list(rows.texts or ())
    threshold = policy.manifest.threshold(TARGET)
    scores = policy.score(type(rows)(texts))
    is_answered = (scores.score >= (threshold or 2.0)) & (scores.novelty <= policy.manifest.novelty_limit)
    is_answered &= ~policy.blocked[scores.label]
    return [texts[row] for row in np.flatnonzero(is_answered)]


def _p99(waits: Sequence[float]) -> float:
    return float(np.quantile(waits, 0.99))
