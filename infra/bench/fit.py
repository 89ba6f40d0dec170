"""`bench fit`: how long a fit of Banking77 takes, and what its policy answers of the test split.

The teacher is the gold label, the split the official one. TRACER is fitted on the same rows in the same run,
once, for it takes minutes; it reads vectors only. Coverage of fits on all traces is also compared with the
best that any threshold on the same scores could have done. Few traces are uniform samples of the train split,
the same for every contestant: their coverage is the mean, their agreement that of all answers, their
violations the sum.
"""

import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from infra.bench import whole
from infra.bench.corpora import Split, read_banking77
from infra.bench.draws import subsets
from infra.bench.kinds import chosen_kinds
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, Table, figure, format_shares, report
from infra.bench.request import BenchRequest
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, none_if_it_fails, tracer_if_wanted
from infra.bench.trial import TARGETS, Contestant, Trial, agreement, coverage, run_trial, violations
from infra.bench.whole import STOCK_ITERATIONS, KindResult

SIZES = (1_500, 500)
DRAWS = 5
_STOCK = f"one scikit-learn fit, C given, {STOCK_ITERATIONS} iterations"
TrialsBySize = dict[int, list[Trial]]
"""A contestant's trials on few traces, by number of traces."""

_COLUMNS = ("features", "coverage at .90/.95/.98", "agreement", "targets missed", "seconds", "MB")


def measure(request: BenchRequest) -> Report:
    """Raises InvalidFile, MissingData: see `read_banking77`; or there is too little to fit on."""
    folder = Path(request.folder)
    train, test = read_banking77(folder, "train"), read_banking77(folder, "test")
    python, absence_notes = tracer_if_wanted(request.tracer)
    kinds = chosen_kinds(request.only)
    runs = None if request.quick else request.runs
    ours = {kind.name: whole.measure_kind(kind, train, test, runs) for kind in kinds}
    few = {kind.name: _few_traces(kind.name, partial(run_trial, kind), train, test) for kind in kinds}
    tracer_trials, failure_notes = none_if_it_fails(
        lambda: None if python is None else _tracer(python, train, test)
    )
    tracer, few_of_tracer = tracer_trials or ((), {})
    if few_of_tracer:
        few[NAME] = few_of_tracer
    sizes = _sizes(train)
    figures = [each for name, result in ours.items() for each in _kind_figures(name, result, tracer)]
    figures += [each for size in sizes for each in _few_figures(size, _at_size(few, size))]
    tables = [_table(len(train), ours, tracer)]
    tables += [_few_table(size, _at_size(few, size)) for size in sizes]
    return report(figures, tables, (*absence_notes, *failure_notes))


def _sizes(train: Split) -> list[int]:
    return [size for size in SIZES if size < len(train)]


def _tracer(python: Path, train: Split, test: Split) -> tuple[tuple[Trial, ...], TrialsBySize]:
    """Its fit of all traces, and its fits of few. Raises RivalUnavailable: it fails on one of them."""
    contestant = partial(rival.fit_tracer, python)
    return (_run(NAME, contestant, train, test),), _few_traces(NAME, contestant, train, test)


def _few_traces(name: str, contestant: Contestant, train: Split, test: Split) -> TrialsBySize:
    return {
        size: [_run(name, contestant, draw, test) for draw in subsets(train, size, DRAWS)]
        for size in _sizes(train)
    }


def _at_size(few: Mapping[str, TrialsBySize], size: int) -> dict[str, list[Trial]]:
    return {name: trials[size] for name, trials in few.items()}


def _run(name: str, contestant: Contestant, train: Split, test: Split) -> Trial:
    print_progress(f"{name}: {len(train):,} traces")
    return contestant(train, test)


def _kind_figures(name: str, result: KindResult, tracer: Sequence[Trial]) -> list[Figure]:
    """Figures of fits on all traces; `tracer` may be empty."""
    cold_s, memory = _seconds(result.cold), _memory(result.cold)
    figures = [figure(f"{name}: cold fit", cold_s, "s", _STOCK, result.stock)]
    figures += [figure(f"{name}: cold fit", cold_s, "s", NAME, _seconds(tracer))] if tracer else []
    figures += [figure(f"{name}: peak memory", memory, "MB", NAME, _memory(tracer))]
    if result.warm:
        figures += [figure(f"{name}: warm fit", _seconds(result.warm), "s", "cold fit", cold_s)]
    for target, best in zip(TARGETS, result.best, strict=True):
        figures += _target_figures(f"{name}, {target:g}", target, best, result, tracer)
    missed = [violations([result.cold[0], *result.warm[:1]])]
    reference = [violations(tracer)] if tracer else []
    return [*figures, figure(f"{name}: targets significantly missed", missed, "targets", NAME, reference)]


def _target_figures(
    name: str, target: float, best: float, result: KindResult, tracer: Sequence[Trial]
) -> list[Figure]:
    cold, agreed = [coverage(result.cold, target)], [agreement(result.cold, target) or 0.0]
    figures = [figure(f"{name}: coverage", cold, "share", "best threshold in hindsight", [best])]
    if tracer:
        figures += [figure(f"{name}: coverage", cold, "share", NAME, [coverage(tracer, target)])]
    if result.warm:
        warm = [coverage(result.warm, target)]
        figures += [figure(f"{name}: coverage, warm fit", warm, "share", "cold fit", cold)]
    return [*figures, figure(f"{name}: agreement", agreed, "share", "target", [target])]


def _few_figures(size: int, trials: Mapping[str, Sequence[Trial]]) -> list[Figure]:
    tracer = trials.get(NAME)
    figures = []
    for name in [name for name in trials if name != NAME]:
        prefix, ours = f"{name}, {size} traces", trials[name]
        for target in TARGETS:
            reference = [coverage(tracer, target)] if tracer else []
            mean = [coverage(ours, target)]
            figures += [figure(f"{prefix}, {target:g}: coverage", mean, "share", NAME, reference)]
        reference = [violations(tracer)] if tracer else []
        missed = [violations(ours)]
        figures += [figure(f"{prefix}: targets significantly missed", missed, "targets", NAME, reference)]
    return figures


def _seconds(trials: Sequence[Trial]) -> list[float]:
    return [trial.seconds for trial in trials]


def _memory(trials: Sequence[Trial]) -> list[float]:
    return [trial.memory for trial in trials if trial.memory is not None]


def _table(traces: int, ours: Mapping[str, KindResult], tracer: Sequence[Trial]) -> Table:
    runs: dict[str, Sequence[Trial]] = {name: result.cold for name, result in ours.items()}
    runs |= {f"{name}, warm": result.warm for name, result in ours.items() if result.warm}
    runs |= {NAME: tracer} if tracer else {}
    rows = tuple(_row(name, trials, trials[:1]) for name, trials in runs.items())
    return Table(f"Banking77, {traces:,} traces, judged on the test split", _COLUMNS, rows)


def _few_table(size: int, trials: Mapping[str, Sequence[Trial]]) -> Table:
    rows = tuple(_row(name, each, each) for name, each in trials.items())
    return Table(f"Banking77, {size:,} traces, mean of {DRAWS} draws", _COLUMNS, rows)


def _row(name: str, runs: Sequence[Trial], judged: Sequence[Trial]) -> tuple[str, ...]:
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
