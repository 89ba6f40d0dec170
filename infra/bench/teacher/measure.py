"""`bench teacher`: a backlog before the first policy, a task that hangs, a worker that is killed."""

from collections.abc import Sequence
from pathlib import Path

from infra.bench.corpora import read_banking77
from infra.bench.process import print_progress
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest, chosen_names
from infra.bench.servers import servers
from infra.bench.teacher.scenarios import SCENARIOS


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `read_banking77`; or there is no such scenario.
    LocalServerError, StreamsError: a server does not start, or the system stalls.
    """
    names, data = chosen_scenarios(request.only), read_banking77(Path(request.folder), "train")
    figures = []
    with servers() as settings:
        for name in names:
            print_progress(f"{name}:")
            figures += SCENARIOS[name](settings, data)
    return report(figures, [])


def chosen_scenarios(names: Sequence[str]) -> list[str]:
    """The scenarios of these names; all where no name is given.

    Raises:
        MissingData: there is no such scenario.
    """
    return chosen_names(names, SCENARIOS, "scenario")
