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
from infra.bench.figures import Figure, Report, figure, report
from infra.bench.kinds import chosen
from infra.bench.order import Order
from infra.bench.progress import tell
from infra.bench.tables import Table, shares
from infra.bench.trial import TARGETS, Contestant, Trial, at, tried
from infra.bench.whole import STOCK_ITERATIONS, Whole

SIZES = (1_500, 500)
DRAWS = 5
_STOCK = f"one scikit-learn fit, C given, {STOCK_ITERATIONS} iterations"


def measure(order: Order) -> Report:
    """Raises InvalidFile, MissingData: see `infra.bench.banking.read`; or there is too little to fit on."""
    train, test = read(Path(order.folder), "train"), read(Path(order.folder), "test")
    kinds = chosen(order.only)
    ours = {
        kind.name: whole.once(kind, train, test)
        if order.quick
        else whole.measured(kind, train, test, order.runs)
        for kind in kinds
    }
    contestants: dict[str, Contestant] = {kind.name: partial(tried, kind) for kind in kinds}
    few = {size: _few(contestants, train, test, size) for size in SIZES if size < len(train)}
    figures = [found for name, made in ours.items() for found in _of(name, made)]
    figures += [found for size, trials in few.items() for found in _of_few(size, trials)]
    return report(figures, [_table(len(train), ours), *(_table_of_few(*item) for item in few.items())])


def coverage(trials: Sequence[Trial], target: float) -> float:
    """Mean; a fit that certifies nothing counts as one that answers nothing."""
    return statistics.fmean(outcome.coverage for outcome in at(trials, target))


def agreement(trials: Sequence[Trial], target: float) -> float | None:
    """Share of all answers that agree; None where there are none."""
    outcomes = at(trials, target)
    answered = sum(outcome.answered for outcome in outcomes)
    return sum(outcome.agreed for outcome in outcomes) / answered if answered else None


def violations(trials: Sequence[Trial]) -> int:
    """Targets significantly missed, over all trials."""
    return sum(outcome.violation for trial in trials for outcome in trial.outcomes)


def _few(
    contestants: Mapping[str, Contestant], train: Split, test: Split, size: int
) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {name: [] for name in contestants}
    for draw in subsets(train, size, DRAWS):
        for name, contestant in contestants.items():
            found[name].append(contestant(draw, test))
            tell(f"{name}: {size:,} traces, {found[name][-1].seconds:.1f} s")
    return found


def _of(name: str, made: Whole) -> list[Figure]:
    cold_s, warm_s = _seconds(made.cold), _seconds(made.warm)
    found = [figure(f"{name}: cold fit", cold_s, "s", _STOCK, made.stock)]
    found += [figure(f"{name}: peak memory", [trial.memory or 0.0 for trial in made.cold], "MB")]
    if made.warm:
        found += [figure(f"{name}: warm fit", warm_s, "s", "cold fit", cold_s)]
    for target, best in zip(TARGETS, made.best, strict=True):
        cold, agreed = coverage(made.cold, target), agreement(made.cold, target)
        at_target = f"{name}, {target:g}"
        found += [figure(f"{at_target}: coverage", [cold], "share", "best threshold in hindsight", [best])]
        found += [figure(f"{at_target}: agreement", [agreed or 0.0], "share", "target", [target])]
        if made.warm:
            warm = coverage(made.warm, target)
            found += [figure(f"{at_target}: coverage, warm fit", [warm], "share", "cold fit", [cold])]
    missed = violations([made.cold[0], *made.warm[:1]])
    return [*found, figure(f"{name}: targets significantly missed", [missed], "targets")]


def _of_few(size: int, trials: Mapping[str, Sequence[Trial]]) -> list[Figure]:
    found = []
    for name, made in trials.items():
        prefix = f"{name}, {size} traces"
        found += [
            figure(f"{prefix}, {target:g}: coverage", [coverage(made, target)], "share") for target in TARGETS
        ]
        found += [figure(f"{prefix}: targets significantly missed", [violations(made)], "targets")]
    return found


def _seconds(trials: Sequence[Trial]) -> list[float]:
    return [trial.seconds for trial in trials]


def _table(traces: int, ours: Mapping[str, Whole]) -> Table:
    targets = "/".join(f"{target:.2f}".removeprefix("0") for target in TARGETS)
    rows = []
    for name, made in ours.items():
        rows += [_row(name, made.cold, made.cold[:1])]
        if made.warm:
            rows += [_row(f"{name}, warm", made.warm, made.warm[:1])]
    columns = ("features", f"coverage at {targets}", "agreement", "violations", "seconds", "MB")
    return Table(f"Banking77, {traces:,} traces, judged on the test split", columns, tuple(rows))


def _table_of_few(size: int, trials: Mapping[str, Sequence[Trial]]) -> Table:
    rows = tuple(_row(name, made, made) for name, made in trials.items())
    columns = ("features", "coverage", "agreement", "violations", "seconds", "MB")
    return Table(f"{size:,} traces, {DRAWS} draws", columns, rows)


def _row(name: str, runs: Sequence[Trial], judged: Sequence[Trial]) -> tuple[str, ...]:
    memory = [trial.memory for trial in runs if trial.memory is not None]
    return (
        name,
        shares([coverage(judged, target) for target in TARGETS]),
        shares([agreement(judged, target) for target in TARGETS]),
        f"{violations(judged)} of {sum(outcome.certified for trial in judged for outcome in trial.outcomes)}",
        f"{statistics.median(_seconds(runs)):.1f}",
        f"{statistics.median(memory):.0f}" if memory else "-",
    )
