"""Sites of `bench gateway`: servers in processes of their own, load on them, and what it costs."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from infra.bench.corpora import Split
from infra.bench.cpu import cpu_seconds
from infra.bench.gateway.constant import LISTENS
from infra.bench.gateway.load import LoadJob, LoadResult
from infra.bench.kinds import FeatureKind
from infra.bench.trial import policy_of, timed_fit
from infra.errors import MissingData
from infra.harness.deployment import Deployment
from infra.harness.policies import publish_policy
from infra.harness.worker import Worker
from models.artifact import Artifact
from models.features import Features
from models.policy import Policy

TASK = "asked"
TARGET = 0.95
TRACES = 4_000
BY_SURROGATE = '"source":"surrogate"'
_READY_S = 60.0


class Site(NamedTuple):
    """A server that is asked.

    Attributes:
        bodies: file with a body a line.
        marker: what each answer has to contain.
    """

    port: int
    process: int
    path: str
    bodies: Path
    marker: str


class LoadRun(NamedTuple):
    """One run of load on a site.

    Attributes:
        cost: µs of CPU that the server took for a call.
    """

    load: LoadResult
    cost: float


def apply_load(site: Site, connections: int, rate: float | None = None, seconds: float = 4.0) -> LoadRun:
    """Load on the site, from another process.

    Raises:
        MissingData: it answered nothing.
    """
    job = LoadJob(site.port, site.path, str(site.bodies), site.marker, connections, rate, seconds)
    before = cpu_seconds(site.process)
    done = subprocess.run(
        [sys.executable, "-m", "infra.bench.gateway.load", msgspec.json.encode(job).decode()],
        stdout=subprocess.PIPE,
        check=True,
    )
    spent = cpu_seconds(site.process) - before
    result = msgspec.json.decode(done.stdout, type=LoadResult)
    if result.failed or not result.rate:
        raise MissingData(
            f"port {site.port}{site.path}: {result.failed} of {result.calls} calls got no good answer"
        )
    return LoadRun(result, spent / result.calls * 1e6)


@contextmanager
def gateway(deployment: Deployment, *, has_policy: bool = True, **variables: str) -> Iterator[Worker]:
    """A gateway as users start it."""
    worker = deployment.process("infra.cli", "gateway", "--port", "0", **variables)
    worker.wait_for_text("the worker is ready")
    if has_policy:
        worker.wait_for_text("policy installed", _READY_S)
    try:
        yield worker
    finally:
        worker.stop()


@contextmanager
def constant_server(deployment: Deployment, body: bytes) -> Iterator[Worker]:
    """The same server, which answers each call with this body."""
    file = deployment.folder / "constant.json"
    file.write_bytes(body)
    worker = deployment.process("infra.bench.gateway.constant", str(file))
    worker.wait_for_text(LISTENS)
    try:
        yield worker
    finally:
        worker.kill()


def port_of(worker: Worker) -> int:
    """Where a server listens that has said so in its log."""
    found = re.search(r"listens: http://127\.0\.0\.1:(\d+)", worker.output())
    if found is None:
        raise worker.failure("did not say where it listens")
    return int(found[1])


class Workload:
    """Rows to learn from and to ask about, and the policies that were learned.

    Attributes:
        train: in a random order, always the same: traces that are sorted by label are refused.
    """

    def __init__(self, train: Split, test: Split) -> None:
        self.train = train.take(np.random.default_rng(7).permutation(len(train)).tolist())
        self.test = test
        self._policies: dict[str, Artifact] = {}

    def policy(self, kind: FeatureKind) -> Artifact:
        if kind.name not in self._policies:
            fitted = timed_fit(kind, self.train.take(range(TRACES)), targets=(TARGET,))
            self._policies[kind.name] = policy_of(fitted)
        return self._policies[kind.name]


def answered_rows(artifact: Artifact, rows: Features) -> list[int]:
    """Rows that the policy answers."""
    policy = Policy.open(artifact.manifest, artifact.graph)
    scores, threshold = policy.score(rows), policy.manifest.threshold(TARGET)
    if threshold is None:
        raise MissingData(f"nothing to measure: no threshold passed the gate at {TARGET}")
    accepted = (scores.score >= threshold) & (scores.novelty <= policy.manifest.novelty_limit)
    return np.flatnonzero(accepted & ~policy.blocked[scores.label]).tolist()


def write_bodies(file: Path, bodies: Sequence[Mapping[str, object]]) -> Path:
    """A body a line."""
    file.write_bytes(b"\n".join(msgspec.json.encode(body) for body in bodies))
    return file


def publish(deployment: Deployment, artifact: Artifact) -> None:
    publish_policy(deployment.settings, TASK, artifact)
