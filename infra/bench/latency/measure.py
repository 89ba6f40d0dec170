"""`bench latency`: from the time a request was due until its label can be read, by rate and delivery mode.

On a real Kafka with 4 partitions. A router as users run it, with each setting of `latency` that is asked for,
and a bare confluent-kafka loop, which is the limit, take turns at each rate. The surrogate answers every
request. The load is in a process of its own, and so is each contestant.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from infra.bench.encoders import answered_texts
from infra.bench.kinds import KINDS
from infra.bench.latency.load import LatencyJob
from infra.bench.latency.report import Cell, latency_report
from infra.bench.latency.stage_log import read_stage_log
from infra.bench.latency.stages import StageTimes, stage_times
from infra.bench.process import print_progress
from infra.bench.report import Report
from infra.bench.request import BenchRequest, chosen_names
from infra.bench.route.workload import TARGET, TASK, RoutingCorpus, routing_corpus
from infra.bench.servers import deployed, servers
from infra.bench.trial import policy_of, timed_fit
from infra.harness.deployment import Deployment
from infra.harness.policies import publish_policy
from infra.harness.worker import Worker
from models.artifact import Artifact
from streams.settings import Settings

RATES = (50, 500, 2_000, 5_000)
DELIVERIES = ("exactly_once", "at_least_once")
BARE = "bare"

_TRACES = 4_000
_SECONDS = 8.0
_LEAST_REQUESTS = 1_000
_FIRST_RATE = 100
"""Of the load before the first that counts, in which the broker and the loops warm up."""
_READY_S = 60.0
_MOST_S = 120.0
_LOG_S, _LOOK_S = 5.0, 0.2


@dataclass(frozen=True, slots=True)
class RunningLoop:
    """A loop that runs: its deployment, its process, and the file of its stage log."""

    name: str
    deployment: Deployment
    worker: Worker
    log: Path


def measure(request: BenchRequest) -> Report:
    """Raises:
    MissingData: too little data for a policy, or there is no such delivery mode.
    LocalServerError, StreamsError: a server does not start, or a loop stalls.
    """
    deliveries = chosen_names(request.only, DELIVERIES, "delivery mode")
    rates = request.sizes or RATES
    data = _corpus(Path(request.folder))
    kind = next(kind for kind in KINDS if kind.embedder == "text")
    artifact = policy_of(timed_fit(kind, data.traces, targets=(TARGET,)))
    texts = answered_texts(artifact, data)
    cells: dict[Cell, list[StageTimes]] = {}
    with servers() as settings:
        for delivery in deliveries:
            with _contestants(settings, delivery, artifact, texts, request.levels) as contestants:
                for contestant in contestants:
                    _measure_load(contestant, _FIRST_RATE, _SECONDS, "first")
                for run in range(request.runs):
                    for rate in rates:
                        for one in contestants:
                            found = _measure_load(one, rate, _seconds(rate), f"{run}-{rate}")
                            cells.setdefault(Cell(delivery, rate, one.name), []).append(found)
                            print_progress(
                                f"run {run + 1}, {delivery}, {rate}/s, {one.name}: "
                                f"p50 {found.milliseconds(0.5):.1f} ms, p99 {found.milliseconds(0.99):.1f} ms"
                            )
    return latency_report(cells, BARE, data.name)


def _corpus(folder: Path) -> RoutingCorpus:
    data = routing_corpus(folder)
    if len(data.traces) <= _TRACES:
        return data
    # In a random order, always the same: traces that are sorted by label are refused.
    rows = np.random.default_rng(7).permutation(len(data.traces))[:_TRACES].tolist()
    return RoutingCorpus(data.name, data.traces.take(rows), data.requests)


@contextmanager
def _contestants(
    servers: Settings, delivery: str, artifact: Artifact, texts: Sequence[str], levels: Sequence[str]
) -> Iterator[list[RunningLoop]]:
    """Start a router for each setting of `latency`, and the bare loop; each with topics of its own."""
    with ExitStack() as stack:
        found = []
        for name in (*levels, BARE):
            deployment = stack.enter_context(deployed(servers, f"latency-{name}"))
            deployment.environment = {"UNDERSTUDY_DELIVERY": delivery}
            (deployment.folder / "texts").write_bytes(b"\n".join(map(msgspec.json.encode, texts)))
            log = deployment.folder / "stages"
            start = _start_bare if name == BARE else _start_router
            found.append(RunningLoop(name, deployment, start(deployment, artifact, name, log), log))
        yield found


def _start_bare(deployment: Deployment, _: Artifact, __: str, log: Path) -> Worker:
    return deployment.process("infra.bench.latency.bare", str(log), UNDERSTUDY_LATENCY="low")


def _start_router(deployment: Deployment, artifact: Artifact, level: str, log: Path) -> Worker:
    publish_policy(deployment.settings, TASK, artifact)
    deployment.configure(
        TASK, embedder="text", target_agreement=TARGET, audit_rate=0.0, audit_early=0.0, repeat_rate=0.0
    )
    worker = deployment.process(
        "infra.bench.latency.timed_worker", str(log), "worker", "route", UNDERSTUDY_LATENCY=level
    )
    worker.wait_for_text("policy installed", _READY_S)
    return worker


def _measure_load(contestant: RunningLoop, rate: int, seconds: float, token: str) -> StageTimes:
    """Raises Stalled: the contestant ended, or did not answer every request."""
    deployment, out = contestant.deployment, contestant.deployment.folder / f"{token}.npy"
    job = LatencyJob(
        deployment.kafka,
        deployment.topics.requests,
        deployment.topics.labels,
        TASK,
        str(deployment.folder / "texts"),
        token,
        rate,
        seconds,
        str(out),
    )
    command = [sys.executable, "-m", "infra.bench.latency.load", msgspec.json.encode(job).decode()]
    subprocess.run(command, check=True, env=deployment.variables(), timeout=_MOST_S)
    sent, until = np.load(out), time.monotonic() + _LOG_S
    times = stage_times(sent, read_stage_log(contestant.log))
    # Without a transaction a label can be read before its batch stands in the log.
    while times.lost and time.monotonic() < until:
        time.sleep(_LOOK_S)
        times = stage_times(sent, read_stage_log(contestant.log))
    if times.lost:
        raise contestant.worker.failure(f"answered too little, {times.lost} requests have no label")
    return times


def _seconds(rate: int) -> float:
    return max(_SECONDS, _LEAST_REQUESTS / rate)
