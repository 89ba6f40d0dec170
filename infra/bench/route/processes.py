"""`bench processes`: what `worker route --processes N` routes a second, exactly once, for N of 1, 2 and 4.

On a real Kafka with 8 partitions, over texts that wait in the topic. The counts take turns, run by run. The
broker and the routers share this machine's cores, so a count beyond them shows what more processes cost.
"""

import os
import secrets
from pathlib import Path

from infra.bench.cpu import require_psutil
from infra.bench.kinds import KINDS
from infra.bench.process import print_progress
from infra.bench.report import Report, figure, report
from infra.bench.request import BenchRequest
from infra.bench.route.contestants import Contestant, measure_pace
from infra.bench.route.meter import Pace
from infra.bench.route.workload import prepare, routing_corpus
from infra.bench.servers import servers, topics_removed

COUNTS = (1, 2, 4)
_PARTITIONS = 8
_MESSAGES = 400_000


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.route.workload` and `infra.bench.trial.policy_of`.
    MissingLibrary: psutil is not installed.
    LocalServerError, StreamsError: a server does not start, or a contestant stalls.
    """
    require_psutil()
    data = routing_corpus(Path(request.folder))
    kind = next(kind for kind in KINDS if kind.embedder == "text")
    paces: dict[int, list[Pace]] = {count: [] for count in COUNTS}
    with servers() as running:
        prefix = f"{running.prefix}-bench-{secrets.token_hex(4)}"
        settings = running.model_copy(update={"prefix": prefix, "partitions": _PARTITIONS})
        with topics_removed(settings):
            prepare(settings, kind, data, _MESSAGES)
            for run in range(request.runs):
                for count in COUNTS:
                    paces[count].append(measure_pace(_contestant(count), settings, _MESSAGES))
                    print_progress(f"run {run + 1}, {count} processes: {paces[count][-1]}")
    one = paces[1]
    return report(
        [
            each
            for count in COUNTS
            for each in (
                figure(
                    f"{count} processes, {os.cpu_count()} cores: routed",
                    [pace.rate for pace in paces[count]],
                    "messages/s",
                    "one process",
                    [pace.rate for pace in one],
                ),
                figure(
                    f"{count} processes: cost",
                    [pace.cpu for pace in paces[count]],
                    "µs CPU/message",
                    "one process",
                    [pace.cpu for pace in one],
                ),
            )
        ]
    )


def _contestant(count: int) -> Contestant:
    return Contestant(
        f"{count} processes", "route", "infra.cli", ("worker", "route", "--processes", f"{count}")
    )
