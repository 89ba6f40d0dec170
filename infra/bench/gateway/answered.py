"""Answered calls: the gateway beside the same server answering a constant, for texts and for vectors."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from infra.bench.gateway.sites import (
    BY_SURROGATE,
    TARGET,
    TASK,
    LoadRun,
    Site,
    Workload,
    answered_rows,
    apply_load,
    constant_server,
    gateway,
    port_of,
    publish,
    write_bodies,
)
from infra.bench.kinds import KINDS, FeatureKind
from infra.bench.process import print_progress
from infra.bench.report import Figure, figure
from infra.bench.servers import deployed
from infra.harness.deployment import Deployment
from streams.settings import Settings

CONNECTIONS = (1, 64)
CONSTANT = "the same server answering a constant"
ACKS = ("none", "kafka")
_LABEL = b'{"source":"constant"}'.ljust(320)
"""As long as a label."""
_BODIES = 500


def answered(servers: Settings, data: Workload, runs: int) -> list[Figure]:
    """Closed loop at 1 and at 64 connections; then open loop at half of what 64 connections reached."""
    return [each for kind in KINDS for each in _measure_kind(servers, data, kind, runs)]


def bodies_of(data: Workload, kind: FeatureKind) -> list[dict[str, Any]]:
    """Calls that the policy answers."""
    rows = kind.rows(data.test)
    chosen = rows.take(answered_rows(data.policy(kind), rows)[:_BODIES])
    if chosen.embeddings is not None:
        return [{"task": TASK, "embedding": vector} for vector in chosen.embeddings.tolist()]
    return [{"task": TASK, "text": text} for text in chosen.texts or ()]


@contextmanager
def answering_site(
    servers: Settings, data: Workload, kind: FeatureKind, ack: str
) -> Iterator[tuple[Deployment, Site]]:
    """A gateway in a deployment of its own, since each gateway reads the labels of all."""
    with deployed(servers, f"gateway-{ack}") as deployment:
        publish(deployment, data.policy(kind))
        deployment.configure(
            TASK, embedder=kind.embedder, target_agreement=TARGET, audit_early=0.0, repeat_rate=0.0
        )
        bodies = write_bodies(deployment.folder / "bodies.jsonl", bodies_of(data, kind))
        with gateway(deployment, UNDERSTUDY_GATEWAY__ACK=ack) as worker:
            yield (
                deployment,
                Site(port_of(worker), worker.process.pid, "/v1/classify", bodies, BY_SURROGATE),
            )


def _measure_kind(servers: Settings, data: Workload, kind: FeatureKind, runs: int) -> list[Figure]:
    with ExitStack() as stack:
        sites = {}
        for ack in ACKS:
            deployment, site = stack.enter_context(answering_site(servers, data, kind, ack))
            sites[f"ack={ack}"] = site
        constant = stack.enter_context(constant_server(deployment, _LABEL))
        sites[CONSTANT] = site._replace(
            port=port_of(constant), process=constant.process.pid, marker="constant"
        )
        figures = []
        for connections in CONNECTIONS:
            samples = in_turns(f"{kind.name}, {connections} connections", sites, connections, runs)
            figures += _closed(f"{kind.name}, {connections} connections", samples)
        rates = {name: _median_rate(samples[name]) / 2 for name in sites}
        figures += _open(kind.name, in_turns(f"{kind.name}, half load", sites, CONNECTIONS[-1], runs, rates))
    return figures


def in_turns(
    what: str, sites: dict[str, Site], connections: int, runs: int, rates: dict[str, float] | None = None
) -> dict[str, list[LoadRun]]:
    samples: dict[str, list[LoadRun]] = {name: [] for name in sites}
    for run in range(runs):
        for name, site in sites.items():
            sample = apply_load(site, connections, rates[name] if rates else None)
            samples[name].append(sample)
            print_progress(f"{what}, run {run + 1}, {name}: {sample}")
    return samples


def beside(what: str, sites: dict[str, Site], rival: str, runs: int) -> list[Figure]:
    """The first site beside the rival's, closed loop at 1 and 64 connections."""
    figures = []
    for connections in CONNECTIONS:
        name = f"{what}, {connections} connections"
        samples = in_turns(name, sites, connections, runs)
        ours = samples[next(iter(sites))]
        for measure, unit, of in (
            ("answered", "calls/s", lambda one: one.load.rate),
            ("p50", "ms", lambda one: one.load.p50),
            ("p99", "ms", lambda one: one.load.p99),
            ("cost", "µs CPU/call", lambda one: one.cost),
        ):
            values, others = list(map(of, ours)), list(map(of, samples[rival]))
            figures.append(figure(f"{name}: {measure}", values, unit, rival, others))
    return figures


def _closed(what: str, samples: dict[str, list[LoadRun]]) -> list[Figure]:
    constant = samples[CONSTANT]
    figures = []
    for name in (f"ack={ack}" for ack in ACKS):
        for measure, unit, value in (
            ("answered", "calls/s", lambda one: one.load.rate),
            ("p50", "ms", lambda one: one.load.p50),
            ("p99", "ms", lambda one: one.load.p99),
            ("p99.9", "ms", lambda one: one.load.p999),
            ("cost", "µs CPU/call", lambda one: one.cost),
        ):
            values, others = list(map(value, samples[name])), list(map(value, constant))
            figures.append(figure(f"{what}, {name}: {measure}", values, unit, CONSTANT, others))
    return figures


def _open(kind: str, samples: dict[str, list[LoadRun]]) -> list[Figure]:
    figures = []
    for name in (f"ack={ack}" for ack in ACKS):
        for measure, value in (
            ("p50", lambda one: one.load.p50),
            ("p99", lambda one: one.load.p99),
            ("p99.9", lambda one: one.load.p999),
        ):
            values, others = list(map(value, samples[name])), list(map(value, samples[CONSTANT]))
            figures.append(figure(f"{kind}, half load, {name}: {measure}", values, "ms", CONSTANT, others))
    return figures


def _median_rate(samples: list[LoadRun]) -> float:
    return sorted(sample.load.rate for sample in samples)[len(samples) // 2]
