"""Request for one benchmark: the record that goes from the command to the process that measures."""

from msgspec import Struct

from infra.bench.report import LEAST_RUNS


class BenchRequest(Struct, frozen=True):
    """Options of a benchmark; each reads those that concern it.

    Attributes:
        folder: with the data, see `infra.bench.corpora`.
        runs: how often a cost is measured; the median counts.
        only: kinds of policy or of drift to measure, by name; empty for all.
        tracer: measure TRACER too.
        quick: one run, and only what needs no second fit of all traces.
        streams: number of simulated ones.
        draws: resampled splits for every contestant, TRACER aside.
        tracer_draws: the first of them, on which TRACER is fitted too.
        workers: processes that fit at the same time.
        most: largest number of traces in the growth benchmark.
        out: file that each fit is added to, and that a later run continues from; None: nothing is kept.
    """

    folder: str = ""
    runs: int = LEAST_RUNS
    only: tuple[str, ...] = ()
    tracer: bool = True
    quick: bool = False
    streams: int = 2000
    draws: int = 100
    tracer_draws: int = 20
    workers: int = 1
    most: int = 100_000
    out: str | None = None
