"""`bench fit`: how long a fit of Banking77 takes, and what its policy answers of the test split.

The teacher is the gold label, the split the official one. TRACER is fitted on the same rows in the same run,
once, for it takes minutes; it reads vectors only. Coverage of all traces also stands beside the best that any
threshold on the same scores could have done. Few traces are uniform samples of the train split, the same for
every contestant: their coverage is the mean, their agreement that of all answers, their violations the sum.
"""

import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from infra.bench import whole
from infra.bench.banking import Split, read
from infra.bench.draws import subsets
from infra.bench.kinds import chosen_kinds
from infra.bench.progress import print_progress
from infra.bench.report import Figure, Report, figure, report
from infra.bench.request import BenchRequest
from infra.bench.tables import Table, shares
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, none_if_it_fails, tracer_if_wanted
from infra.bench.trial import TARGETS, Contestant, Trial, agreement, coverage, run_trial, violations
from infra.bench.whole import STOCK_ITERATIONS, KindResult

SIZES = (1_500, 500)
DRAWS = 5
_STOCK = f"one scikit-learn fit, C given, {STOCK_ITERATIONS} iterations"
Few = dict[int, list[Trial]]
"""A contestant's trials by number of traces."""

_COLUMNS = ("coverage at .90/.95/.98", "agreement", "violations", "seconds", "MB")


def measure(order: BenchRequest) -> Report:
    """Raises InvalidFile, MissingData: see `infra.bench.banking.read`; or there is too little to fit on."""
    train, test = read(Path(order.folder), "train"), read(Path(order.folder), "test")
    python, absent = tracer_if_wanted(order.tracer)
    kinds = chosen_kinds(order.only)
    runs = None if order.quick else order.runs
    ours = {kind.name: whole.measure_kind(kind, train, test, runs) for kind in kinds}
    few = {kind.name: _few(kind.name, partial(run_trial, kind), train, test) for kind in kinds}
    theirs, failed = none_if_it_fails(lambda: None if python is None else _tracer(python, train, test))
    they, few_of_theirs = theirs or ((), {})
    if few_of_theirs:
        few[NAME] = few_of_theirs
    figures = [found for name, made in ours.items() for found in _of(name, made, they)]
    figures += [found for size in _sizes(train) for found in _of_few(size, _at_size(few, size))]
    tables = [_table(len(train), ours, they)]
    tables += [_table_of_few(size, _at_size(few, size)) for size in _sizes(train)]
    return report(figures, tables, (*absent, *failed))


def _sizes(train: Split) -> list[int]:
    return [size for size in SIZES if size < len(train)]


def _tracer(python: Path, train: Split, test: Split) -> tuple[tuple[Trial, ...], Few]:
    """Its fit of all traces, and its fits of few. Raises TracerUnavailable: it fails on one of them."""
    contestant = partial(rival.fit_tracer, python)
    return (_told(NAME, contestant, train, test),), _few(NAME, contestant, train, test)


def _few(name: str, contestant: Contestant, train: Split, test: Split) -> Few:
    return {
        size: [_told(name, contestant, draw, test) for draw in subsets(train, size, DRAWS)]
        for size in _sizes(train)
    }


def _at_size(few: Mapping[str, Few], size: int) -> dict[str, list[Trial]]:
    return {name: trials[size] for name, trials in few.items()}


def _told(name: str, contestant: Contestant, train: Split, test: Split) -> Trial:
    print_progress(f"{name}: {len(train):,} traces")
    return contestant(train, test)


def _of(name: str, made: KindResult, theirs: Sequence[Trial]) -> list[Figure]:
    """Of all traces; what TRACER did with them may be missing."""
    cold_s, memory = _seconds(made.cold), _memory(made.cold)
    found = [figure(f"{name}: cold fit", cold_s, "s", _STOCK, made.stock)]
    found += [figure(f"{name}: cold fit", cold_s, "s", NAME, _seconds(theirs))] if theirs else []
    found += [figure(f"{name}: peak memory", memory, "MB", NAME, _memory(theirs))]
    if made.warm:
        found += [figure(f"{name}: warm fit", _seconds(made.warm), "s", "cold fit", cold_s)]
    for target, best in zip(TARGETS, made.best, strict=True):
        found += _at(f"{name}, {target:g}", target, best, made, theirs)
    missed, reference = [violations([made.cold[0], *made.warm[:1]])], [violations(theirs)] if theirs else []
    return [*found, figure(f"{name}: targets significantly missed", missed, "targets", NAME, reference)]


def _at(name: str, target: float, best: float, made: KindResult, theirs: Sequence[Trial]) -> list[Figure]:
    cold, agreed = [coverage(made.cold, target)], [agreement(made.cold, target) or 0.0]
    found = [figure(f"{name}: coverage", cold, "share", "best threshold in hindsight", [best])]
    if theirs:
        found += [figure(f"{name}: coverage", cold, "share", NAME, [coverage(theirs, target)])]
    if made.warm:
        warm = [coverage(made.warm, target)]
        found += [figure(f"{name}: coverage, warm fit", warm, "share", "cold fit", cold)]
    return [*found, figure(f"{name}: agreement", agreed, "share", "target", [target])]


def _of_few(size: int, trials: Mapping[str, Sequence[Trial]]) -> list[Figure]:
    theirs = trials.get(NAME)
    found = []
    for name in [name for name in trials if name != NAME]:
        prefix, made = f"{name}, {size} traces", trials[name]
        for target in TARGETS:
            reference = [coverage(theirs, target)] if theirs else []
            mean = [coverage(made, target)]
            found += [figure(f"{prefix}, {target:g}: coverage", mean, "share", NAME, reference)]
        reference = [violations(theirs)] if theirs else []
        missed = [violations(made)]
        found += [figure(f"{prefix}: targets significantly missed", missed, "targets", NAME, reference)]
    return found


def _seconds(trials: Sequence[Trial]) -> list[float]:
    return [trial.seconds for trial in trials]


def _memory(trials: Sequence[Trial]) -> list[float]:
    return [trial.memory for trial in trials if trial.memory is not None]


def _table(traces: int, ours: Mapping[str, KindResult], theirs: Sequence[Trial]) -> Table:
    runs: dict[str, Sequence[Trial]] = {name: made.cold for name, made in ours.items()}
    runs |= {f"{name}, warm": made.warm for name, made in ours.items() if made.warm}
    runs |= {NAME: theirs} if theirs else {}
    rows = tuple(_row(name, made, made[:1]) for name, made in runs.items())
    return Table(f"Banking77, {traces:,} traces, judged on the test split", ("features", *_COLUMNS), rows)


def _table_of_few(size: int, trials: Mapping[str, Sequence[Trial]]) -> Table:
    rows = tuple(_row(name, made, made) for name, made in trials.items())
    return Table(f"Banking77, {size:,} traces, {DRAWS} draws", ("features", *_COLUMNS), rows)


def _row(name: str, runs: Sequence[Trial], judged: Sequence[Trial]) -> tuple[str, ...]:
    memory = _memory(runs)
    certified = sum(outcome.certified for trial in judged for outcome in trial.outcomes)
    return (
        name,
        shares([coverage(judged, target) for target in TARGETS]),
        shares([agreement(judged, target) for target in TARGETS]),
        f"{violations(judged)} of {certified}",
        f"{statistics.median(_seconds(runs)):.1f}",
        f"{statistics.median(memory):.0f}" if memory else "-",
    )
