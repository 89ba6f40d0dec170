"""`bench route`: messages a second that one worker routes, exactly once, and what one costs in CPU.

On a real Kafka with 4 partitions, over requests that wait in the topic: one that the settings name, else an
Apache Kafka of our own. A worker as users run it, one whose metrics count nothing, the bare loop and stock
Faust take turns, run by run, on the same messages.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.bench.cpu import require_psutil
from infra.bench.kinds import KINDS, FeatureKind
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, figure, report
from infra.bench.request import BenchRequest
from infra.bench.route.contestants import (
    BARE,
    STOCK_FAUST,
    UNCOUNTED,
    UNDERSTUDY,
    Contestant,
    measure_pace,
)
from infra.bench.route.meter import Pace
from infra.bench.route.workload import TARGET, RoutingCorpus, prepare, routing_corpus
from infra.bench.servers import servers, topics_removed
from models.embedders.kinds import PRECOMPUTED
from streams.settings import Settings

REFERENCES = {
    UNCOUNTED: "the same worker without metrics",
    BARE: "bare confluent-kafka loop, exactly once",
    STOCK_FAUST: "stock Faust agent, at least once",
}

_MESSAGES = 400_000
_FORMS = ("f32", "f16", "i8")
"""Of vectors in a header."""


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.route.workload` and `infra.bench.trial.policy_of`.
    MissingLibrary: psutil is not installed.
    LocalServerError, StreamsError: a server does not start, or a contestant stalls.
    """
    require_psutil()
    data = routing_corpus(Path(request.folder))
    with servers() as settings:
        rows = [each for kind in KINDS for each in _measure_kind(kind, settings, data, request.runs)]
        rows += [each for form in _FORMS for each in _measure_form(form, settings, data, request.runs)]
        return report(rows)


def figures(kind: str, worker: Sequence[Pace], references: Mapping[str, Sequence[Pace]]) -> list[Figure]:
    """Rate and CPU of the worker's runs next to those of every reference, which the keys name."""
    return [
        each
        for reference, paces in references.items()
        for each in (
            figure(
                f"{kind}: routed",
                [pace.rate for pace in worker],
                "messages/s",
                reference,
                [pace.rate for pace in paces],
            ),
            figure(
                f"{kind}: cost",
                [pace.cpu for pace in worker],
                "µs CPU/message",
                reference,
                [pace.cpu for pace in paces],
            ),
        )
    ]


def _measure_kind(kind: FeatureKind, servers: Settings, data: RoutingCorpus, runs: int) -> list[Figure]:
    contestants = (UNDERSTUDY, *REFERENCES)
    with workload(servers, kind, data) as (settings, coverage):
        paces = measured_paces(kind.name, contestants, settings, runs)
    references = {name: paces[contestant] for contestant, name in REFERENCES.items()}
    return [
        *figures(kind.name, paces[UNDERSTUDY], references),
        figure(f"{kind.name}: answered at {TARGET}, {data.name}", [coverage], "share"),
    ]


def _measure_form(form: str, servers: Settings, data: RoutingCorpus, runs: int) -> list[Figure]:
    """The same of vectors in a header, beside the bare loop alone."""
    kind = next(kind for kind in KINDS if kind.embedder == PRECOMPUTED)
    name = f"vectors, {form} in a header"
    with workload(servers, kind, data, form) as (settings, _):
        paces = measured_paces(name, (UNDERSTUDY, BARE), settings, runs)
    return figures(name, paces[UNDERSTUDY], {REFERENCES[BARE]: paces[BARE]})


@contextmanager
def workload(
    servers: Settings, kind: FeatureKind, data: RoutingCorpus, form: str | None = None
) -> Iterator[tuple[Settings, float]]:
    """Settings of topics with the requests in them, and the coverage of those."""
    settings = servers.model_copy(update={"prefix": f"{servers.prefix}-bench-{secrets.token_hex(4)}"})
    with topics_removed(settings):
        yield settings, prepare(settings, kind, data, _MESSAGES, form)


def measured_paces(
    name: str, contestants: Sequence[Contestant], settings: Settings, runs: int
) -> dict[Contestant, list[Pace]]:
    """A pace of each contestant in every run; they take turns."""
    paces: dict[Contestant, list[Pace]] = {contestant: [] for contestant in contestants}
    for run in range(runs):
        for contestant in contestants:
            paces[contestant].append(measure_pace(contestant, settings, _MESSAGES))
            print_progress(f"{name}, run {run + 1}, {contestant.name}: {paces[contestant][-1]}")
    return paces
