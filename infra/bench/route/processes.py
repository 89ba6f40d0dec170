"""`bench processes`: what `worker route --processes N` routes a second, exactly once, for N of 1, 2 and 4.

On a real Kafka with 8 partitions, over texts that wait in the topic. The counts take turns, run by run. The
broker and the routers share this machine's cores, so a count beyond them shows what more processes cost.
"""

from pathlib import Path

from infra.bench.cpu import require_psutil
from infra.bench.kinds import KINDS
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest
from infra.bench.route.contestants import Contestant
from infra.bench.route.measure import figures, measured_paces, workload
from infra.bench.route.workload import routing_corpus
from infra.bench.servers import servers

COUNTS = (1, 2, 4)
_PARTITIONS = 8


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.route.workload` and `infra.bench.trial.policy_of`.
    MissingLibrary: psutil is not installed.
    LocalServerError, StreamsError: a server does not start, or a contestant stalls.
    """
    require_psutil()
    data = routing_corpus(Path(request.folder))
    kind = next(kind for kind in KINDS if kind.embedder == "text")
    one, *more = map(_contestant, COUNTS)
    with servers() as running:
        partitioned = running.model_copy(update={"partitions": _PARTITIONS})
        with workload(partitioned, kind, data) as (settings, _):
            paces = measured_paces(kind.name, (one, *more), settings, request.runs)
    reference = {one.name: paces[one]}
    return report([each for many in more for each in figures(many.name, paces[many], reference)])


def _contestant(count: int) -> Contestant:
    arguments = ("worker", "route", "--processes", f"{count}")
    return Contestant(f"{count} process{'es' if count > 1 else ''}", "route", "infra.cli", arguments)
