"""`bench gateway`: calls a second and latencies of the gateway over loopback HTTP, beside others.

On a real Kafka and Redis, each server a process of its own, and the load another. Contestants take turns.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from infra.bench.corpora import read_banking77
from infra.bench.cpu import require_psutil
from infra.bench.gateway.answered import answered
from infra.bench.gateway.beside_shad0wllm import shad0wllm
from infra.bench.gateway.beside_tracer import tracer
from infra.bench.gateway.passed_on import passed_on
from infra.bench.gateway.same_stream import same_stream
from infra.bench.gateway.sites import Workload
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, report
from infra.bench.request import BenchRequest, chosen_names
from infra.bench.rival_library import none_if_it_fails
from infra.bench.servers import servers
from streams.settings import Settings

Scenario = Callable[[Settings, Workload, int], list[Figure]]
TRACER, SHAD0WLLM = "tracer", "shad0wllm"
SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "answered": answered,
        "passed-on": passed_on,
        "same-stream": same_stream,
        TRACER: tracer,
        SHAD0WLLM: shad0wllm,
    }
)


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `read_banking77`; or there is no such scenario, or a call got no answer.
    MissingLibrary: psutil is not installed.
    LocalServerError, StreamsError: a server does not start, or the system stalls.
    """
    require_psutil()
    names, folder = chosen_names(request.only, SCENARIOS, "scenario"), Path(request.folder)
    data = Workload(read_banking77(folder, "train"), read_banking77(folder, "test"))
    figures: list[Figure] = []
    notes: tuple[str, ...] = ()
    with servers() as settings:
        for name in names:
            if (name == TRACER and not request.tracer) or name in request.without:
                continue
            print_progress(f"{name}:")
            found, why = none_if_it_fails(partial(SCENARIOS[name], settings, data, request.runs))
            figures += found or []
            notes += why
    return report(figures, notes=notes)
