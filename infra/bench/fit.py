"""`bench fit`: what policies answer of Banking77's test split, and how long their fits take.

The teacher is the gold label, the split the official one. Each contestant is fitted on several orders of the
train split and on uniform samples of it, the same for all: coverage is the mean, agreement that of all
answers, violations the sum, seconds and memory the median. A fit has a process of its own. Other libraries
get the same rows: TRACER vectors, shad0wllm texts, and both fit once for each target.

Then fits on all traces are timed cold and warm next to scikit-learn, phase by phase, and their coverage is
compared with the best that any threshold on the same scores could have done; `quick` leaves this out.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from infra.bench import whole
from infra.bench.corpora import Split, read_banking77
from infra.bench.kinds import FeatureKind, chosen_kinds
from infra.bench.logged_fits import Work, run_fits
from infra.bench.phases import FitPhase, phases_table
from infra.bench.process import peak_memory
from infra.bench.report import Figure, Report, Table, figure, format_shares, report
from infra.bench.request import BenchRequest
from infra.bench.results_log import CLEAN, DrawCell, FitRow, ResultsLog, Task
from infra.bench.rival_library import RivalLibrary
from infra.bench.shad0wllm.environment import SHAD0WLLM
from infra.bench.shad0wllm.rival import fit_shad0wllm
from infra.bench.tracer.environment import TRACER
from infra.bench.tracer.rival import fit_tracer
from infra.bench.trial import (
    TARGETS,
    Contestant,
    FitTrial,
    agreement,
    coverage,
    judge,
    timed_fit,
    violations,
)
from infra.bench.whole import STOCK_ITERATIONS, KindResult
from infra.errors import MissingData

FEW = (1_500, 500)
CORPUS = "Banking77, train split"
RIVALS: tuple[tuple[RivalLibrary, Callable[[Path, Split, Split], FitTrial]], ...] = (
    (TRACER, fit_tracer),
    (SHAD0WLLM, fit_shad0wllm),
)
_STOCK = f"one scikit-learn fit, C given, {STOCK_ITERATIONS} iterations"
_COLUMNS = ("features", "coverage at .90/.95/.98", "agreement", "targets missed", "seconds", "MB")
Trials = Mapping[str, Sequence[FitTrial]]
"""By contestant."""


def measure(request: BenchRequest) -> Report:
    """Raises InvalidFile, MissingData: see `read_banking77`; or there is too little to fit on."""
    folder = Path(request.folder)
    train, test = read_banking77(folder, "train"), read_banking77(folder, "test")
    sizes = _sizes(train, request.sizes)
    kinds = chosen_kinds(request.only)
    contestants: dict[str, Contestant] = {kind.name: partial(_fit_ours, kind) for kind in kinds}
    rivals, absence_notes = _rivals(request)
    tasks = [
        (name, DrawCell(CORPUS, CLEAN, size, seed=seed))
        for seed in range(max(request.draws, request.rival_draws))
        for size in sizes
        for name in (*contestants, *rivals)
        if seed < (request.rival_draws if name in rivals else request.draws)
    ]
    contestants |= rivals

    def works(task: Task) -> Work:
        name, cell = task
        return partial(_fit_row, contestants[name], train.take(drawn_rows(cell, len(train))), test)

    log = ResultsLog(None if request.out is None else Path(request.out))
    failure_notes = run_fits(tasks, works, log, request.workers, alone=True)
    by_size = {size: _trials(log, tasks, size) for size in sizes}
    figures = [each for size, trials in by_size.items() for each in _draw_figures(size, trials, rivals)]
    tables = [_draws_table(size, trials) for size, trials in by_size.items()]
    if not request.quick and len(train) in sizes:
        timed = {kind.name: whole.measure_kind(kind, train, test, request.runs) for kind in kinds}
        figures += [each for name, result in timed.items() for each in _kind_figures(name, result)]
        tables += [_timed_table(len(train), timed), _phases_table(timed)]
    return report(figures, tables, (*absence_notes, *failure_notes))


def drawn_rows(cell: DrawCell, rows: int) -> list[int]:
    """The traces of this draw; of all rows it is an order."""
    places: list[int] = np.random.default_rng(cell.seed).permutation(rows)[: cell.size].tolist()
    return places


def _sizes(train: Split, asked: Sequence[int]) -> list[int]:
    """Raises MissingData: the split has fewer rows than asked for."""
    if asked and max(asked) > len(train):
        raise MissingData(f"the train split has {len(train):,} rows: name at most so many by --traces")
    return list(asked) or [len(train), *(size for size in FEW if size < len(train))]


def _rivals(request: BenchRequest) -> tuple[dict[str, Contestant], tuple[str, ...]]:
    """The other libraries that are wanted and can be installed; and a sentence for each that can't."""
    contestants: dict[str, Contestant] = {}
    notes: tuple[str, ...] = ()
    for library, fit in RIVALS:
        wanted = request.rival_draws > 0 and library.name not in request.without
        python, absence = library.interpreter_if_wanted(wanted)
        notes += absence
        if python is not None:
            contestants[library.name] = partial(fit, python)
    return contestants, notes


def _fit_ours(kind: FeatureKind, train: Split, test: Split) -> FitTrial:
    result = timed_fit(kind, train)
    memory = peak_memory()
    summary = result.summary
    return FitTrial(judge(result.artifact, kind, test), summary.seconds, len(summary.frontier), memory)


def _fit_row(contestant: Contestant, train: Split, test: Split, task: Task) -> FitRow:
    name, cell = task
    return FitRow(name, cell, contestant(train, test))


def _trials(log: ResultsLog, tasks: Sequence[Task], size: int) -> dict[str, list[FitTrial]]:
    trials: dict[str, list[FitTrial]] = {}
    for row in log.of(task for task in tasks if task[1].size == size):
        trials.setdefault(row.contestant, []).append(row.trial)
    return trials


def _draw_figures(size: int, trials: Trials, rivals: Mapping[str, Contestant]) -> list[Figure]:
    """Figures of ours, next to each rival's."""
    figures = []
    for name in [name for name in trials if name not in rivals]:
        prefix, ours = f"{name}, {size} traces", trials[name]
        for target in TARGETS:
            mean, agreed = [coverage(ours, target)], agreement(ours, target)
            figures += _beside(f"{prefix}, {target:g}: coverage", mean, "share", trials, rivals, target)
            if agreed is not None:
                figures += [figure(f"{prefix}, {target:g}: agreement", [agreed], "share", "target", [target])]
        figures += [figure(f"{prefix}: targets significantly missed", [violations(ours)], "targets")]
        figures += [figure(f"{prefix}: fit", _seconds(ours), "s")]
        figures += [figure(f"{prefix}: peak memory", _memory(ours), "MB")] if _memory(ours) else []
    return figures


def _beside(
    name: str,
    values: Sequence[float],
    unit: str,
    trials: Trials,
    rivals: Mapping[str, Contestant],
    target: float,
) -> list[Figure]:
    there = [rival for rival in rivals if rival in trials]
    if not there:
        return [figure(name, values, unit)]
    return [figure(name, values, unit, rival, [coverage(trials[rival], target)]) for rival in there]


def _kind_figures(name: str, result: KindResult) -> list[Figure]:
    """Figures of fits on all traces, timed."""
    cold_s, memory = _seconds(result.cold), _memory(result.cold)
    figures = [figure(f"{name}: cold fit", cold_s, "s", _STOCK, result.stock)]
    figures += [figure(f"{name}: peak memory", memory, "MB")]
    figures += [figure(f"{name}: warm fit", _seconds(result.warm), "s", "cold fit", cold_s)]
    cold_cpu, warm_cpu = _cpu(result.cold_phases), _cpu(result.warm_phases)
    figures += [figure(f"{name}: CPU of a warm fit", warm_cpu, "s", "cold fit", cold_cpu)]
    for target, best in zip(TARGETS, result.best, strict=True):
        cold, warm = [coverage(result.cold, target)], [coverage(result.warm, target)]
        hindsight = "best threshold in hindsight"
        figures += [figure(f"{name}, {target:g}: coverage", cold, "share", hindsight, [best])]
        figures += [figure(f"{name}, {target:g}: coverage, warm fit", warm, "share", "cold fit", cold)]
    return figures


def _seconds(trials: Sequence[FitTrial]) -> list[float]:
    return [trial.seconds for trial in trials]


def _cpu(fits: Sequence[Sequence[FitPhase]]) -> list[float]:
    return [sum(phase.cpu for phase in phases) for phases in fits]


def _memory(trials: Sequence[FitTrial]) -> list[float]:
    return [trial.memory for trial in trials if trial.memory is not None]


def _timed_table(traces: int, timed: Mapping[str, KindResult]) -> Table:
    runs: dict[str, Sequence[FitTrial]] = {}
    for name, result in timed.items():
        runs |= {f"{name}, cold": result.cold, f"{name}, warm": result.warm}
    rows = tuple(_row(name, trials, trials[:1]) for name, trials in runs.items())
    return Table(f"Banking77, {traces:,} traces in the split's order, cold and from a parent", _COLUMNS, rows)


def _phases_table(timed: Mapping[str, KindResult]) -> Table:
    fits: dict[str, Sequence[Sequence[FitPhase]]] = {}
    for name, result in timed.items():
        fits |= {f"{name}, cold": result.cold_phases, f"{name}, warm": result.warm_phases}
    return phases_table("Where the time of these fits goes, medians", fits)


def _draws_table(size: int, trials: Trials) -> Table:
    rows = tuple(_row(name, each, each) for name, each in trials.items())
    most = max((len(each) for each in trials.values()), default=0)
    return Table(f"Banking77, {size:,} traces, mean of {most} orders of rows", _COLUMNS, rows)


def _row(name: str, runs: Sequence[FitTrial], judged: Sequence[FitTrial]) -> tuple[str, ...]:
    memory = _memory(runs)
    passed = sum(outcome.passed for trial in judged for outcome in trial.outcomes)
    return (
        name,
        format_shares([coverage(judged, target) for target in TARGETS]),
        format_shares([agreement(judged, target) for target in TARGETS]),
        f"{violations(judged)} of {passed}",
        f"{statistics.median(_seconds(runs)):.1f}",
        f"{statistics.median(memory):.0f}" if memory else "-",
    )
