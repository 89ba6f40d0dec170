"""`bench drift`: the whole system on Banking77, certified, then drifting in three ways; with audits, without.

Each request is asked once, at a steady pace, on a real Kafka and Redis. Run by run the order of the rows, and
which intents drift, are those of another seed.
"""

from collections.abc import Sequence
from pathlib import Path

from infra.bench.banking import Split, read
from infra.bench.drift.analysis import drift_figures, sentences
from infra.bench.drift.finding import DriftFigures
from infra.bench.drift.run import AUDIT_RATE, run
from infra.bench.drift.scenarios import DRIFTS
from infra.bench.drift.shown import AuditsOnOff, section
from infra.bench.progress import print_progress
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest
from infra.bench.servers import servers
from infra.errors import MissingData
from streams.settings import Settings

DRIFTED = 5_500
"""Place of the first drifted request."""


def measure(order: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.banking.read`; or there is no such drift.
    LocalServerError, StreamsError: a server does not start, or the system does not get on.
    """
    folder = Path(order.folder)
    data, names = read(folder, "train").joined(read(folder, "test")), chosen_scenarios(order.only)
    with servers() as settings:
        runs = range(1, order.runs + 1)
        pairs = {name: [_pair(settings, data, name, seed) for seed in runs] for name in names}
    sections = [section(name, found) for name, found in pairs.items()]
    return report([each for _, figures in sections for each in figures], [table for table, _ in sections])


def chosen_scenarios(names: Sequence[str]) -> list[str]:
    """The drifts of these names, all where there is none.

    Raises:
        MissingData: there is no such drift.
    """
    if unknown := [name for name in names if name not in DRIFTS]:
        raise MissingData(f"no drift is called {unknown[0]!r}: there are {', '.join(DRIFTS)}")
    return [name for name in DRIFTS if not names or name in names]


def _pair(settings: Settings, data: Split, name: str, seed: int) -> AuditsOnOff:
    stream = DRIFTS[name](data, seed, DRIFTED)

    def measured(audits: str, rate: float) -> DriftFigures:
        print_progress(f"{name}, run {seed}, audits {audits}:")
        record = run(settings, data, stream, rate)
        for sentence in sentences(stream, record):
            print_progress(f"  {sentence}")
        return drift_figures(stream, record)

    return AuditsOnOff(measured("on", AUDIT_RATE), measured("off", 0.0))
