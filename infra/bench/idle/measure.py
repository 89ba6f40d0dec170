"""`bench idle`: what each role costs while nothing happens.

On a real Kafka and Redis, each role in a process of its own, with one task and one small live policy. They
start together, and are left alone until they have settled. A role is its process and all that this has
started: the trainer keeps a process ready for the next fit.
"""

import statistics
import time
from collections.abc import Mapping, Sequence

from infra.bench.encoders import TASK
from infra.bench.idle.processes import ProcessUsage, require_proc, usage
from infra.bench.kinds import KINDS
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, Table, figure, report
from infra.bench.request import BenchRequest
from infra.bench.route.workload import TARGET, generated_corpus
from infra.bench.servers import deployed, servers
from infra.bench.trial import policy_of, timed_fit
from infra.harness.deployment import Deployment
from infra.harness.policies import publish_policy
from infra.harness.worker import Worker
from models.artifact import Artifact
from streams.settings import ROLES

_TRACES, _REQUESTS = 600, 10
_SETTLING_S = 20.0
_INSTALLED = frozenset({"route", "encode", "teacher", "gateway"})
"""The roles that hold policies."""
_COLUMNS = ("role", "processes", "CPU, % of a core", "wake-ups/s", "RSS, MB", "PSS, MB", "threads", "files")

Span = tuple[ProcessUsage, ProcessUsage, float]
"""Before, after, and the seconds between."""


def measure(request: BenchRequest) -> Report:
    """Raises:
    MissingData: this system has no /proc, or see `infra.bench.trial.policy_of`.
    LocalServerError, StreamsError: a server or a worker does not start.
    """
    require_proc()
    kind = next(kind for kind in KINDS if kind.embedder == "text")
    artifact = policy_of(timed_fit(kind, generated_corpus(_TRACES, _REQUESTS).traces))
    with servers() as settings, deployed(settings, "idle") as deployment:
        workers = _start(deployment, artifact)
        time.sleep(_SETTLING_S)
        spans = [_spans(workers, 60.0 * request.minutes) for _ in range(request.runs)]
        deployment.stop()
    by_role = {role: [run[role] for run in spans] for role in workers}
    table = Table("Each role while nothing happens", _COLUMNS, tuple(_row(*item) for item in by_role.items()))
    figures = [one for role, runs in by_role.items() for one in _figures(role, runs)]
    return report(figures, [table], ["RSS counts pages that processes share in each; PSS divides them."])


def _start(deployment: Deployment, artifact: Artifact) -> dict[str, Worker]:
    """One worker a role, all of them ready."""
    publish_policy(deployment.settings, TASK, artifact)
    deployment.configure(TASK, embedder="text", target_agreement=TARGET)
    workers: dict[str, Worker] = {role: _worker(deployment, role) for role in ROLES}
    for role, worker in workers.items():
        worker.wait_for_text("is ready")
        if role in _INSTALLED:
            worker.wait_for_text("policy installed")
    print_progress(f"{len(workers)} roles are ready")
    return workers


def _worker(deployment: Deployment, role: str) -> Worker:
    command = ("gateway", "--port", "0") if role == "gateway" else ("worker", role)
    return deployment.process("infra.cli", *command)


def _spans(workers: Mapping[str, Worker], seconds: float) -> dict[str, Span]:
    began = {role: (time.monotonic(), usage(worker.process.pid)) for role, worker in workers.items()}
    time.sleep(seconds)
    return {role: _span(worker, *began[role]) for role, worker in workers.items()}


def _span(worker: Worker, began: float, before: ProcessUsage) -> Span:
    seconds = time.monotonic() - began
    return before, usage(worker.process.pid), seconds


def _figures(role: str, runs: Sequence[Span]) -> list[Figure]:
    return [
        figure(f"{role}: CPU", [_cpu(run) for run in runs], "% of a core"),
        figure(f"{role}: wake-ups", [_wakeups(run) for run in runs], "1/s"),
        figure(f"{role}: RSS", [after.rss for _, after, _ in runs], "MB"),
        figure(f"{role}: PSS", [after.pss for _, after, _ in runs], "MB"),
        figure(f"{role}: threads", [after.threads for _, after, _ in runs], "threads"),
        figure(f"{role}: open files", [after.files for _, after, _ in runs], "files"),
    ]


def _row(role: str, runs: Sequence[Span]) -> tuple[str, ...]:
    _, last, _ = runs[-1]
    cpu, wakeups = statistics.median(map(_cpu, runs)), statistics.median(map(_wakeups, runs))
    sizes = (statistics.median(run[1].rss for run in runs), statistics.median(run[1].pss for run in runs))
    return (
        role,
        str(last.processes),
        f"{cpu:.2f}",
        f"{wakeups:.0f}",
        *(f"{size:.0f}" for size in sizes),
        str(last.threads),
        str(last.files),
    )


def _cpu(run: Span) -> float:
    before, after, seconds = run
    return 100.0 * (after.cpu - before.cpu) / seconds


def _wakeups(run: Span) -> float:
    before, after, seconds = run
    return (after.wakeups - before.wakeups) / seconds
