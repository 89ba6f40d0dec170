"""Counts over many fits: targets that passed the gate, those missed, and how many misses are allowed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from infra.bench.report import Figure, Table, figure, format_shares
from infra.bench.tracer.environment import NAME
from infra.bench.trial import DELTA, TARGETS, Trial, coverage, outcomes_at
from infra.bench.validity.draws import LEARNABLE, UNLEARNABLE
from infra.bench.validity.results_log import FitRow
from models.evaluate import LEVEL

_BOUND = "at most, on average"
_COLUMNS = (
    "fits",
    "coverage at .90/.95/.98",
    "missed at .90",
    ".95",
    ".98",
    "in all",
    "delta allows",
    _BOUND,
)


@dataclass(frozen=True, slots=True)
class MissCounts:
    """Fits of one contestant, counted.

    Attributes:
        fits: how many.
        passed, missed: fits whose target passed the gate, at each target, and how many of them missed it
            significantly.
    """

    fits: int
    passed: tuple[int, ...]
    missed: tuple[int, ...]

    @property
    def allowed(self) -> float:
        """Targets that may pass the gate wrongly, on average."""
        return DELTA * self.fits * len(self.passed)

    @property
    def bound(self) -> float:
        """Bound on the average of `missed`: see `infra.bench.validity.measure`."""
        return self.allowed + LEVEL * sum(self.passed)


def count_misses(trials: Sequence[Trial]) -> MissCounts:
    outcomes = [outcomes_at(trials, target) for target in TARGETS]
    return MissCounts(
        len(trials),
        tuple(sum(outcome.passed for outcome in each) for each in outcomes),
        tuple(sum(outcome.violation for outcome in each) for each in outcomes),
    )


def figures(entries: Sequence[FitRow]) -> list[Figure]:
    """Figures of each contestant over all its fits."""
    figures = []
    for name, trials in _by_name(_with_teachers(entries, LEARNABLE), lambda entry: entry.contestant).items():
        count = count_misses(trials)
        missed = [sum(count.missed)]
        figures += [figure(f"{name}: passed targets missed", missed, "targets", _BOUND, [count.bound])]
        figures += [figure(f"{name}: targets passed", [sum(count.passed)], "targets")]
    for name, trials in _by_name(
        _with_teachers(entries, UNLEARNABLE), lambda entry: entry.contestant
    ).items():
        passed = sum(trial.passed > 0 for trial in trials)
        figures += [
            figure(f"{name}: fits that pass a target on labels that can't be learned", [passed], "fits")
        ]
    return figures


def tables(entries: Sequence[FitRow]) -> list[Table]:
    """Tables of all draws; of those that TRACER was fitted on too; and of labels that can't be learned."""
    learnable = _with_teachers(entries, LEARNABLE)
    tracer_cells = {entry.cell for entry in learnable if entry.contestant == NAME}
    ours = [entry for entry in learnable if entry.contestant != NAME]
    shared = [entry for entry in learnable if entry.cell in tracer_cells]
    return [
        _miss_table("Targets that passed the gate and were significantly missed", ours),
        *([_miss_table("On the draws that TRACER was fitted on", shared)] if shared else []),
        _unlearnable_table(_with_teachers(entries, UNLEARNABLE)),
    ]


def _with_teachers(entries: Sequence[FitRow], teachers: Iterable[str]) -> list[FitRow]:
    return [entry for entry in entries if entry.cell.teacher in teachers]


def _miss_table(title: str, entries: Sequence[FitRow]) -> Table:
    groups = _by_name(entries, _group) | _by_name(entries, lambda entry: f"{entry.contestant}, all")
    rows = [(name, *_cells(trials)) for name, trials in sorted(groups.items())]
    return Table(title, ("contestant, corpus, teacher", *_COLUMNS), tuple(rows))


def _cells(trials: Sequence[Trial]) -> tuple[str, ...]:
    count = count_misses(trials)
    return (
        f"{count.fits:,}",
        format_shares([coverage(trials, target) for target in TARGETS]),
        *(f"{missed} of {n}" for missed, n in zip(count.missed, count.passed, strict=True)),
        f"{sum(count.missed)} of {sum(count.passed)}",
        f"{count.allowed:.1f}",
        f"{count.bound:.1f}",
    )


def _unlearnable_table(entries: Sequence[FitRow]) -> Table:
    groups = _by_name(entries, _group)
    rows = tuple(
        (name, f"{len(trials):,}", str(sum(trial.passed > 0 for trial in trials)))
        for name, trials in sorted(groups.items())
    )
    return Table(
        "Labels that can't be learned",
        ("contestant, corpus, teacher", "fits", "fits that passed a target"),
        rows,
    )


def _group(entry: FitRow) -> str:
    return f"{entry.contestant}, {entry.cell.corpus}, {entry.cell.teacher}"


def _by_name(entries: Sequence[FitRow], name: Callable[[FitRow], str]) -> dict[str, list[Trial]]:
    groups: dict[str, list[Trial]] = {}
    for entry in entries:
        groups.setdefault(name(entry), []).append(entry.trial)
    return groups
