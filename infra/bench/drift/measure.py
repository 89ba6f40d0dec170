"""`bench drift`: the whole system on Banking77 in three kinds of drift, with audits and without.

Each request is asked once, at a steady pace, on a real Kafka and Redis. Run by run the order of the rows, and
which intents drift, are those of another seed.
"""

from collections.abc import Sequence
from pathlib import Path

from infra.bench.corpora import Split, whole_banking77
from infra.bench.drift.analysis import DriftFigures, drift_figures, event_lines
from infra.bench.drift.report import AuditsOnOff, section
from infra.bench.drift.run import AUDIT_RATE, run
from infra.bench.drift.scenarios import DRIFTS
from infra.bench.process import print_progress
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest
from infra.bench.servers import servers
from infra.errors import MissingData
from streams.settings import Settings

DRIFTED = 5_500
"""Place of the first drifted request."""


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `whole_banking77`; or there is no such drift.
    LocalServerError, StreamsError: a server does not start, or the system stalls.
    """
    folder = Path(request.folder)
    data, names = whole_banking77(folder), chosen_scenarios(request.only)
    with servers() as settings:
        seeds = range(1, request.runs + 1)
        pairs = {name: [_run_pair(settings, data, name, seed) for seed in seeds] for name in names}
    sections = [section(name, runs) for name, runs in pairs.items()]
    return report([each for _, figures in sections for each in figures], [table for table, _ in sections])


def chosen_scenarios(names: Sequence[str]) -> list[str]:
    """The kinds of drift of these names; all where no name is given.

    Raises:
        MissingData: there is no such drift.
    """
    if unknown := [name for name in names if name not in DRIFTS]:
        raise MissingData(f"no drift is called {unknown[0]!r}: there are {', '.join(DRIFTS)}")
    return [name for name in DRIFTS if not names or name in names]


def _run_pair(settings: Settings, data: Split, name: str, seed: int) -> AuditsOnOff:
    stream = DRIFTS[name](data, seed, DRIFTED)

    def run_with(audits: str, rate: float) -> DriftFigures:
        print_progress(f"{name}, run {seed}, audits {audits}:")
        record = run(settings, data, stream, rate)
        for line in event_lines(stream, record):
            print_progress(f"  {line}")
        return drift_figures(stream, record)

    return AuditsOnOff(run_with("on", AUDIT_RATE), run_with("off", 0.0))
