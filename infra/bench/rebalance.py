"""`bench rebalance`: how long partitions stand still while a second router joins the first one's group.

On a real Kafka, once by each of its group protocols. Requests come at a fixed pace to every partition; a
partition stands still from one committed label of it to the next, as a client reads them.
"""

import re
import time
from collections.abc import Callable, Iterable

from infra.bench.encoders import answered_texts
from infra.bench.kinds import KINDS
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, figure, report
from infra.bench.request import BenchRequest
from infra.bench.route.workload import TARGET, generated_corpus
from infra.bench.servers import deployed, servers
from infra.bench.trial import policy_of, timed_fit
from infra.harness.deployment import Deployment
from infra.harness.policies import publish_policy
from infra.harness.waiting import Stalled
from schemas.codec import LABEL, REQUEST
from schemas.messages import Request

TASK = "bench"
PROTOCOLS = ("classic", "consumer")
_TRACES, _REQUESTS = 1_500, 200
_PARTITIONS = range(4)
_PACE = 400.0
"""Requests a second."""
_POLL_S = 0.002
_WINDOW_S = 5.0
_STALL_S = 60.0
_ASSIGNED = re.compile(r"partitions assigned: role=route partitions=(\d[\d,]*)")


def measure(request: BenchRequest) -> Report:
    """Raises:
    MissingData: see `infra.bench.trial.policy_of`.
    LocalServerError, StreamsError: a server does not start, or the system stalls.
    """
    data = generated_corpus(_TRACES, _REQUESTS)
    kind = next(kind for kind in KINDS if kind.embedder == "text")
    artifact = policy_of(timed_fit(kind, data.traces))
    texts = answered_texts(artifact, data)
    pauses: dict[str, list[Pauses]] = {protocol: [] for protocol in PROTOCOLS}
    with servers() as settings:
        for run in range(request.runs):
            for protocol in PROTOCOLS:
                with deployed(settings, "rebalance") as deployment:
                    deployment.environment = {"UNDERSTUDY_KAFKA__GROUP_PROTOCOL": protocol}
                    publish_policy(deployment.settings, TASK, artifact)
                    deployment.configure(TASK, embedder="text", target_agreement=TARGET, audit_rate=0.0)
                    pauses[protocol].append(_pauses(deployment, texts))
                alone, kept, moved = pauses[protocol][-1]
                print_progress(f"run {run + 1}, {protocol}: {alone:.3f} s, {kept:.3f} s, {moved:.3f} s")
    return report([one for protocol in PROTOCOLS for one in _figures(protocol, pauses[protocol])])


Pauses = tuple[float, float, float]
"""Seconds for which a partition stood still, at most: before; of those that the first kept; of the others."""


def _figures(protocol: str, runs: list[Pauses]) -> list[Figure]:
    alone = [run[0] for run in runs]
    return [
        figure(f"{protocol}: a partition that is kept", [run[1] for run in runs], "s", "before", alone),
        figure(f"{protocol}: a partition that moves", [run[2] for run in runs], "s", "before", alone),
    ]


def _pauses(deployment: Deployment, texts: list[str]) -> Pauses:
    deployment.worker("route").wait_for_text("policy installed")
    client = _SteadyClient(deployment, texts)
    client.run(_lasts(_WINDOW_S))
    alone = max(client.longest(_lasts(_WINDOW_S)).values())
    second = deployment.process("infra.cli", "worker", "route")
    gaps = client.longest(lambda: second.has_written("partitions assigned: role=route partitions="))
    later = client.longest(lambda: _ASSIGNED.search(second.output()) is not None)
    last = client.longest(_lasts(_WINDOW_S))
    client.close()
    moved = {int(number) for found in _ASSIGNED.findall(second.output()) for number in found.split(",")}
    longest = {number: max(gaps[number], later[number], last[number]) for number in _PARTITIONS}
    deployment.stop()
    return alone, _most(longest, set(_PARTITIONS) - moved), _most(longest, moved)


def _most(longest: dict[int, float], numbers: Iterable[int]) -> float:
    return max(longest[number] for number in numbers)


def _lasts(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


class _SteadyClient:
    """Sends requests to all partitions in turn, and notes when labels of each are read."""

    def __init__(self, deployment: Deployment, texts: list[str]) -> None:
        self._topics = deployment.topics
        self._texts = texts
        self._producer = deployment.producer()
        self._consumer = deployment.consumer(self._topics.labels)
        self._begun = time.monotonic()
        self._sent = 0
        self._read_at = dict.fromkeys(_PARTITIONS, self._begun)
        self._gaps = dict.fromkeys(_PARTITIONS, 0.0)

    def longest(self, is_over: Callable[[], bool]) -> dict[int, float]:
        """Run, and the longest time between two labels of each partition."""
        self._gaps = dict.fromkeys(_PARTITIONS, 0.0)
        self.run(is_over)
        return self._gaps

    def run(self, is_over: Callable[[], bool]) -> None:
        """Raises Stalled: it is not over after a minute."""
        until = time.monotonic() + _STALL_S
        while not is_over():
            if time.monotonic() > until:
                raise Stalled(f"not over after {_STALL_S:.0f} s: {self._gaps}")
            self._send()
            self._read()

    def close(self) -> None:
        self._consumer.close()

    def _send(self) -> None:
        while self._sent < (time.monotonic() - self._begun) * _PACE:
            partition = self._sent % len(_PARTITIONS)
            request = Request(
                id=f"{partition}-{self._sent}", task=TASK, text=self._texts[self._sent % len(self._texts)]
            )
            self._producer.produce(
                self._topics.requests, REQUEST.encode(request), request.id.encode(), partition=partition
            )
            self._sent += 1
        self._producer.poll(0)

    def _read(self) -> None:
        for message in self._consumer.consume(100, _POLL_S):
            if message.error() is None:
                partition, now = int(LABEL.decode(message.value()).id.split("-")[0]), time.monotonic()
                self._gaps[partition] = max(self._gaps[partition], now - self._read_at[partition])
                self._read_at[partition] = now
