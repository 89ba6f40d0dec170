"""`bench teacher`: what a teacher costs that is slow, hangs, is away or killed, or allows few calls.

Each scenario has a deployment of its own, with an endpoint over real HTTP.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from infra.bench.corpora import Split, read_banking77
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, report
from infra.bench.request import BenchRequest, chosen_names
from infra.bench.servers import servers
from infra.bench.teacher.failures import failing
from infra.bench.teacher.lanes import backlog, hanging, killed
from infra.bench.teacher.limits import ceiling, storm
from infra.bench.teacher.outages import away, retried
from streams.settings import Settings

SCENARIOS: Mapping[str, Callable[[Settings, Split], list[Figure]]] = MappingProxyType(
    {
        "backlog": backlog,
        "away": away,
        "failing": failing,
        "storm": storm,
        "hanging": hanging,
        "retried": retried,
        "killed": killed,
        "ceiling": ceiling,
    }
)


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
