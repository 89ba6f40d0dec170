"""`bench growth`: seconds and memory of a fit as the traces grow in number, cold and warm, and of the window.

Rows are drawn from Banking77's train split with replacement. Each text is given typing errors, and each
vector a step aside, so that few are alike. Coverage is not reported: rows so near to one another say nothing
about it. A warm fit starts from a fit of the first five sixths of its rows, as a stream's refits do. Each fit
is made once, in a process of its own, which gets what is left of the rows after thinning. The window is the
one of a trainer, which holds all traces (`infra.bench.trace_window`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.bench.corpora import Split, read_banking77
from infra.bench.draws import grown
from infra.bench.kinds import FeatureKind, chosen_kinds
from infra.bench.process import Measured, print_progress, run_alone
from infra.bench.report import Figure, Report, Table, figure, report
from infra.bench.request import BenchRequest
from infra.bench.trace_window import WindowCost, measure_window
from infra.bench.trial import TARGETS, timed_fit
from models.fit import FitResult
from models.training.thinning import thin_out

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class GrowthStep:
    """Fits of one number of traces.

    Attributes:
        cold, warm: seconds; warm is None where the parent's fit is refused.
        cold_memory, warm_memory: peak, MB.
        window: of a trainer that holds the traces.
    """

    cold: float
    cold_memory: float
    warm: float | None
    warm_memory: float | None
    window: WindowCost


def measure(request: BenchRequest) -> Report:
    """Raises InvalidFile, MissingData: see `read_banking77`."""
    train = read_banking77(Path(request.folder), "train")
    sizes = [size for size in SIZES if size <= request.most]
    steps = {kind.name: _measure_kind(kind, train, sizes) for kind in chosen_kinds(request.only)}
    figures = [each for name, by_size in steps.items() for each in _figures(name, by_size)]
    return report(figures, [_table(steps), _windows_table(steps)])


def _measure_kind(kind: FeatureKind, train: Split, sizes: list[int]) -> dict[int, GrowthStep]:
    steps: dict[int, GrowthStep] = {}
    for size in sizes:
        originals = Split(kind.rows(train), train.labels)
        window = run_alone(measure_window, kind, originals, size).result
        print_progress(f"{kind.name}: a window of {size:,} traces takes {window.memory:,.0f} MB")
        rows = grown(originals, size, size)
        parent = _fit_alone(kind, rows.take(range(size * 5 // 6))).result
        cold = _fit_alone(kind, rows)
        print_progress(f"{kind.name}: {size:,} traces, cold in {cold.result.summary.seconds:.1f} s")
        warm = None if parent.artifact is None else _fit_alone(kind, rows, parent)
        steps[size] = _step(cold, warm, window)
    return steps


def _fit_alone(kind: FeatureKind, rows: Split, parent: FitResult | None = None) -> Measured[FitResult]:
    sampled = np.ones(len(rows), dtype=np.bool_)
    thinned = thin_out(rows.labels, sampled)
    if thinned is not None:
        rows, sampled = rows.take(thinned.rows.tolist()), thinned.sampled
    return run_alone(timed_fit, kind, rows, parent, TARGETS, None, sampled)


def _step(cold: Measured[FitResult], warm: Measured[FitResult] | None, window: WindowCost) -> GrowthStep:
    return GrowthStep(
        cold.result.summary.seconds,
        cold.memory,
        None if warm is None else warm.result.summary.seconds,
        None if warm is None else warm.memory,
        window,
    )


def _figures(name: str, steps: Mapping[int, GrowthStep]) -> list[Figure]:
    figures: list[Figure] = []
    for size, step in steps.items():
        prefix = f"{name}, {size} traces"
        figures += [figure(f"{prefix}: cold fit", [step.cold], "s")]
        figures += [figure(f"{prefix}: peak memory", [step.cold_memory], "MB")]
        figures += [figure(f"{prefix}: memory of a trainer's window", [step.window.memory], "MB")]
        figures += [figure(f"{prefix}: CPU of a look at the window", [step.window.look], "s")]
        figures += [figure(f"{prefix}: CPU of a fit's training set", [step.window.drawing], "s")]
        if step.warm is not None and step.warm_memory is not None:
            figures += [figure(f"{prefix}: warm fit", [step.warm], "s", "cold fit", [step.cold])]
            memory = [step.warm_memory]
            figures += [figure(f"{prefix}: peak memory, warm", memory, "MB", "cold fit", [step.cold_memory])]
    warm = {size: step.warm for size, step in steps.items() if step.warm}
    if len(warm) > 1:
        first, last = min(warm), max(warm)
        growth, linear = [warm[last] / warm[first]], [last / first]
        span = f"{name}: warm fit, from {first} to {last} traces"
        figures += [figure(span, growth, "times", "linear", linear)]
    return figures


def _table(steps: Mapping[str, Mapping[int, GrowthStep]]) -> Table:
    rows = tuple(
        (
            f"{name}, {size:,}",
            f"{step.cold:.1f}",
            f"{step.cold_memory:,.0f}",
            "-" if step.warm is None else f"{step.warm:.1f}",
            "-" if step.warm_memory is None else f"{step.warm_memory:,.0f}",
        )
        for name, by_size in steps.items()
        for size, step in by_size.items()
    )
    columns = ("features, traces", "cold fit, s", "cold fit, MB", "warm fit, s", "warm fit, MB")
    return Table("Time and memory of a fit by number of traces", columns, rows)


def _windows_table(steps: Mapping[str, Mapping[int, GrowthStep]]) -> Table:
    rows = tuple(
        (
            f"{name}, {size:,}",
            f"{step.window.memory:,.0f}",
            f"{step.window.filling:.1f}",
            f"{step.window.look:.2f}",
            f"{step.window.drawing:.2f}",
            f"{step.window.most_memory:,.0f}",
        )
        for name, by_size in steps.items()
        for size, step in by_size.items()
    )
    columns = (
        "features, traces",
        "window, MB",
        "adding, us a trace",
        "a look, s",
        "training set, s",
        "with it, MB",
    )
    return Table("A trainer's window by number of traces: memory, and CPU", columns, rows)
