"""Request for one benchmark: the record that goes from the command to the process that measures."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from infra.bench.report import LEAST_RUNS
from infra.errors import MissingData


class BenchRequest(Struct, frozen=True):
    """Options of a benchmark; each reads those that concern it.

    Attributes:
        folder: with the data, see `infra.bench.corpora`.
        runs: how often a cost is measured; the median counts.
        only: kinds of policy or of drift to measure, by name; empty for all.
        tracer: measure TRACER too.
        quick: leave out what only times fits.
        streams: number of simulated ones.
        draws: resampled splits, or orders of rows, for every contestant of ours in each cell.
        rival_draws: the first of them, on which other libraries are fitted too.
        without: names of other libraries to leave out.
        noisy_draws: the same for teachers who err or whose labels can't be learned.
        sizes: numbers of traces, or of requests a second, one a cell; empty for the benchmark's own.
        levels: values of the setting `latency` to measure.
        repeated: shares of the rows that are sent twice, one a cell; empty for the benchmark's own.
        snips: measure on Snips too.
        workers: processes that fit at the same time.
        most: largest number of traces in the growth benchmark.
        out: file that each fit is added to, and that a later run continues from; None: nothing is kept.
        faults: number of faults that are injected.
        seed: of their plan.
        minutes: after which no further fault begins.
        longest: seconds that a fault of a server or an endpoint may last.
        beside: such a file of another release, shown next to this one's figures; None: nothing.
    """

    folder: str = ""
    runs: int = LEAST_RUNS
    only: tuple[str, ...] = ()
    tracer: bool = True
    quick: bool = False
    streams: int = 2000
    draws: int = 40
    rival_draws: int = 0
    without: tuple[str, ...] = ()
    noisy_draws: int = 0
    sizes: tuple[int, ...] = ()
    levels: tuple[str, ...] = ()
    repeated: tuple[float, ...] = ()
    snips: bool = False
    workers: int = 1
    most: int = 100_000
    out: str | None = None
    beside: str | None = None
    faults: int = 200
    seed: int = 1
    minutes: float = 60.0
    longest: float = 60.0


def chosen_names(names: Sequence[str], known: Iterable[str], kind: str) -> list[str]:
    """The known names that are asked for, in their own order; all where none is.

    Args:
        kind: what they are names of, for the error.

    Raises:
        MissingData: one of them is not known.
    """
    there = list(known)
    if unknown := [name for name in names if name not in there]:
        raise MissingData(f"no {kind} is called {unknown[0]!r}: there are {', '.join(there)}")
    return [name for name in there if not names or name in names]
