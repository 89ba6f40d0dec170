"""Report of `bench latency`: quantiles beside the bare loop's, and where the time goes."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.bench.latency.stages import STAGES, StageTimes
from infra.bench.report import Figure, Report, Table, figure, format_share, report

_QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
_SLOWEST = 0.99


class Cell(NamedTuple):
    """What one contestant does at one rate."""

    delivery: str
    rate: int
    contestant: str

    @property
    def words(self) -> str:
        return f"{self.delivery.replace('_', ' ')}, {self.rate:,}/s, {self.contestant}"


Cells = Mapping[Cell, Sequence[StageTimes]]


def latency_report(cells: Cells, bare: str, data: str) -> Report:
    """The report of all runs.

    Args:
        bare: the contestant that the others are compared with.
        data: name of the texts' source, for the title.
    """
    figures = [each for cell in cells for each in _figures(cells, cell, bare)]
    title = f"Milliseconds from due to label, {data}: median of the runs (lowest to highest)"
    columns = ("", *_QUANTILES, "p50, times bare", "p99, times bare", "generator late, p99")
    tables = (
        Table(title, columns, tuple(_latency_row(cells, cell, bare) for cell in cells)),
        _stage_table("Milliseconds of each stage, mean of all requests", cells, _mean_milliseconds),
        _stage_table("Share of each stage in the time of the slowest hundredth", cells, _shares_of_slowest),
    )
    return report(figures, tables)


def _figures(cells: Cells, cell: Cell, bare: str) -> list[Figure]:
    runs, limit = cells[cell], cells[cell._replace(contestant=bare)]
    found = []
    for name, share in _QUANTILES.items():
        values, others = _milliseconds(runs, share), _milliseconds(limit, share)
        reference = None if cell.contestant == bare else "bare confluent-kafka loop"
        found.append(figure(f"{cell.words}: {name}", values, "ms", reference, others))
    found.append(figure(f"{cell.words}: generator late, p99", _late(runs), "ms"))
    for at, stage in enumerate(STAGES):
        means = [float(_mean_milliseconds(run)[at]) for run in runs]
        shares = [float(run.shares(_SLOWEST)[at]) for run in runs]
        found.append(figure(f"{cell.words}: {stage}, mean", means, "ms"))
        found.append(figure(f"{cell.words}: {stage}, of the slowest hundredth", shares, "share"))
    return found


def _latency_row(cells: Cells, cell: Cell, bare: str) -> tuple[str, ...]:
    runs, limit = cells[cell], cells[cell._replace(contestant=bare)]
    shown = [_with_spread(_milliseconds(runs, share)) for share in _QUANTILES.values()]
    times = [
        "-" if cell.contestant == bare else _with_spread(_ratios(runs, limit, share))
        for share in (0.5, _SLOWEST)
    ]
    return (cell.words, *shown, *times, _with_spread(_late(runs)))


def _stage_table(title: str, cells: Cells, values: Callable[[StageTimes], NDArray[np.float64]]) -> Table:
    rows = []
    for cell, runs in cells.items():
        medians = np.median([values(run) for run in runs], axis=0)
        as_text = format_share if values is _shares_of_slowest else _short
        rows.append((cell.words, *(as_text(float(value)) for value in medians)))
    return Table(title, ("", *STAGES), tuple(rows))


def _milliseconds(runs: Sequence[StageTimes], share: float) -> list[float]:
    return [run.milliseconds(share) for run in runs]


def _ratios(runs: Sequence[StageTimes], limit: Sequence[StageTimes], share: float) -> list[float]:
    """The quantile of each run, divided by that of the bare loop in the same run."""
    pairs = zip(_milliseconds(runs, share), _milliseconds(limit, share), strict=True)
    return [ours / theirs for ours, theirs in pairs]


def _late(runs: Sequence[StageTimes]) -> list[float]:
    return [float(np.quantile(run.late, _SLOWEST)) * 1e3 for run in runs]


def _mean_milliseconds(run: StageTimes) -> NDArray[np.float64]:
    means: NDArray[np.float64] = run.stages.mean(axis=0) * 1e3
    return means


def _shares_of_slowest(run: StageTimes) -> NDArray[np.float64]:
    return run.shares(_SLOWEST)


def _with_spread(values: Sequence[float]) -> str:
    return f"{_short(statistics.median(values))} ({_short(min(values))} to {_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
