"""`bench drift`: the whole system on Banking77 in three kinds of drift, with audits and without.

Once more at the default audit rate, where deferred requests are watched and where they are not.

Each request is asked once, at a steady pace, on a real Kafka and Redis. Run by run the order of the rows, and
which intents drift, are those of another seed.
"""

from collections.abc import Sequence
from pathlib import Path

from infra.bench.corpora import Split, whole_banking77
from infra.bench.drift.analysis import DriftFigures, drift_figures, event_lines
from infra.bench.drift.report import AUDITS, DEFERRALS, Comparison, RunPair, Variant, section
from infra.bench.drift.run import run
from infra.bench.drift.scenarios import DRIFTS
from infra.bench.process import print_progress
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest, chosen_names
from infra.bench.servers import servers
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
        results = {
            (name, comparison): [_run_pair(settings, data, name, seed, comparison) for seed in seeds]
            for name in names
            for comparison in (AUDITS, DEFERRALS)
        }
    sections = [section(name, comparison, runs) for (name, comparison), runs in results.items()]
    return report([each for _, figures in sections for each in figures], [table for table, _ in sections])


def chosen_scenarios(names: Sequence[str]) -> list[str]:
    """The kinds of drift of these names; all where no name is given.

    Raises:
        MissingData: there is no such drift.
    """
    return chosen_names(names, DRIFTS, "drift")


def _run_pair(settings: Settings, data: Split, name: str, seed: int, comparison: Comparison) -> RunPair:
    stream = DRIFTS[name](data, seed, DRIFTED)

    def run_with(variant: Variant) -> DriftFigures:
        print_progress(f"{name}, run {seed}, {variant.name}:")
        record = run(settings, data, stream, variant.config)
        for line in event_lines(stream, record):
            print_progress(f"  {line}")
        return drift_figures(stream, record)

    return RunPair(run_with(comparison.one), run_with(comparison.other))
