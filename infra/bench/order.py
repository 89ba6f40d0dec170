"""What a benchmark is asked for: one record that goes from the command to the process that measures."""

from msgspec import Struct

from infra.bench.figures import LEAST_RUNS


class Order(Struct, frozen=True):
    """Each benchmark reads what concerns it.

    Attributes:
        folder: with the data, see `infra.bench.banking`.
        runs: how often a cost is measured; the median counts.
        only: kinds to measure, by name; empty for all.
        tracer: measure TRACER beside them.
        quick: one run, and only what needs no second fit of all traces.
        streams: simulated ones.
    """

    folder: str = ""
    runs: int = LEAST_RUNS
    only: tuple[str, ...] = ()
    tracer: bool = True
    quick: bool = False
    streams: int = 2000
