"""Counts over many fits: targets that passed the gate, those missed, and how many misses are allowed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from infra.bench.report import Figure, Table, figure, format_share, format_shares
from infra.bench.results_log import FitRow
from infra.bench.tracer.environment import NAME
from infra.bench.trial import DELTA, TargetOutcome
from infra.bench.validity.draws import LEARNABLE, UNLEARNABLE
from infra.bench.validity.fits import TARGETS
from models.evaluate import LEVEL

_FRESH = "with fresh rows"
_CELL = "features, corpus, teacher, repeats, traces"

Outcomes = Sequence[Sequence[TargetOutcome]]
"""Of each fit, by target."""


@dataclass(frozen=True, slots=True)
class MissCounts:
    """Outcomes of some fits at some targets, counted.

    Attributes:
        tested: outcomes in all: fits times targets.
        passed: those whose target passed the gate.
        missed: those of them whose agreement on the judged rows is below target.
        significant: those whose agreement is significantly below.
    """

    tested: int
    passed: int
    missed: int
    significant: int

    @property
    def share(self) -> float | None:
        """Share of the passed that are missed; None where none passed."""
        return self.missed / self.passed if self.passed else None

    @property
    def bound(self) -> float:
        """Bound on the average of `significant`: see `infra.bench.validity.measure`."""
        return DELTA * self.tested + LEVEL * self.passed


def count_misses(outcomes: Outcomes, target: float | None = None) -> MissCounts:
    """Counts at one target; over all of them where it is None."""
    those = [each for fit in outcomes for each in fit if target is None or each.target == target]
    return MissCounts(
        len(those),
        sum(each.passed for each in those),
        sum(each.missed for each in those),
        sum(each.violation for each in those),
    )


def mean_coverage(outcomes: Outcomes, target: float) -> float | None:
    """A target that did not pass counts as one that answers nothing; None where nobody was tested at it."""
    those = [each.coverage for fit in outcomes for each in fit if each.target == target]
    return sum(those) / len(those) if those else None


def figures(entries: Sequence[FitRow]) -> list[Figure]:
    """Figures of each cell and target, then of each contestant over all its fits."""
    result = []
    for name, rows in _group(_with_teachers(entries, LEARNABLE), _cell_name).items():
        result += [each for target in TARGETS for each in _cell_figures(name, rows, target)]
    for name, rows in _group(_with_teachers(entries, LEARNABLE), lambda row: row.contestant).items():
        counts = count_misses(_own(rows))
        bound = "at most, on average"
        result += [figure(f"{name}: targets passed", [counts.passed], "targets")]
        result += [figure(f"{name}: targets missed", [counts.missed], "targets")]
        result += [
            figure(f"{name}: significantly missed", [counts.significant], "targets", bound, [counts.bound])
        ]
    for name, rows in _group(_with_teachers(entries, UNLEARNABLE), lambda row: row.contestant).items():
        passed = sum(row.trial.passed > 0 for row in rows)
        result += [
            figure(f"{name}: fits that pass a target on labels that can't be learned", [passed], "fits")
        ]
    return result


def tables(entries: Sequence[FitRow], beside: Sequence[FitRow] = ()) -> list[Table]:
    """Misses and coverage of each cell, next to the same of another log; and labels that can't be learned."""
    learnable = _group(_with_teachers(entries, LEARNABLE), _cell_name)
    others = _group(beside, _cell_name)
    unlearnable = _with_teachers(entries, UNLEARNABLE)
    return [
        _miss_table(learnable, others),
        _coverage_table(learnable, others),
        *([_unlearnable_table(unlearnable)] if unlearnable else []),
    ]


def _cell_figures(name: str, rows: Sequence[FitRow], target: float) -> list[Figure]:
    counts, fresh = count_misses(_own(rows), target), count_misses(_fresh(rows), target)
    if counts.tested == 0:
        return []
    prefix = f"{name}, {target:g}"
    result = [figure(f"{prefix}: passed", [counts.passed], "fits", "fits", [counts.tested])]
    if counts.share is not None:
        reference = [] if fresh.share is None else [fresh.share]
        result += [figure(f"{prefix}: missed of the passed", [counts.share], "share", "delta", [DELTA])]
        result += [figure(f"{prefix}: missed of the passed", [counts.share], "share", _FRESH, reference)]
    coverage, of_fresh = mean_coverage(_own(rows), target), mean_coverage(_fresh(rows), target)
    reference = [] if of_fresh is None else [of_fresh]
    return [*result, figure(f"{prefix}: coverage", [coverage or 0.0], "share", _FRESH, reference)]


def _miss_table(groups: dict[str, list[FitRow]], others: dict[str, list[FitRow]]) -> Table:
    rows = [_miss_row(name, each, others.get(name, [])) for name, each in groups.items()]
    for contestant in sorted({row.contestant for each in groups.values() for row in each}):
        mine = [row for each in groups.values() for row in each if row.contestant == contestant]
        name = f"{contestant}, all"
        theirs = [row for cell in groups for row in others.get(cell, []) if row.contestant == contestant]
        rows.append(_miss_row(name, mine, theirs))
    columns = (
        _CELL,
        "fits",
        *(f"missed at {_name_target(target)}" for target in TARGETS),
        "in all",
        "share",
        _FRESH,
        "share",
        "significant",
        *(("beside", "share") if others else ()),
    )
    if not others:
        rows = [row[:-2] for row in rows]
    title = (
        f"Targets that passed the gate, and those that agreement misses on rows not drawn (delta {DELTA:g})"
    )
    return Table(title, columns, tuple(rows))


def _miss_row(name: str, rows: Sequence[FitRow], others: Sequence[FitRow]) -> tuple[str, ...]:
    own, fresh = count_misses(_own(rows)), count_misses(_fresh(rows))
    beside = count_misses(_own(others))
    return (
        name,
        f"{len(rows):,}",
        *(_of_passed(count_misses(_own(rows), target)) for target in TARGETS),
        _of_passed(own),
        format_share(own.share),
        _of_passed(fresh),
        format_share(fresh.share),
        str(own.significant),
        _of_passed(beside),
        format_share(beside.share),
    )


def _of_passed(counts: MissCounts) -> str:
    return f"{counts.missed} of {counts.passed}" if counts.tested else "-"


def _coverage_table(groups: dict[str, list[FitRow]], others: dict[str, list[FitRow]]) -> Table:
    columns = (
        _CELL,
        f"coverage at {'/'.join(map(_name_target, TARGETS))}",
        _FRESH,
        "seconds a fit",
        *(("beside",) if others else ()),
    )
    rows = [_coverage_row(name, each, others.get(name)) for name, each in groups.items()]
    title = "Mean coverage; a target that did not pass answers nothing"
    return Table(title, columns, tuple(row[: len(columns)] for row in rows))


def _name_target(target: float) -> str:
    return f"{target:.2f}".removeprefix("0")


def _coverage_row(name: str, rows: Sequence[FitRow], others: Sequence[FitRow] | None) -> tuple[str, ...]:
    return (
        name,
        _coverages(_own(rows)),
        _coverages(_fresh(rows)),
        f"{sum(row.trial.seconds for row in rows) / len(rows):.1f}",
        _coverages(_own(others or ())),
    )


def _coverages(outcomes: Outcomes) -> str:
    return format_shares([mean_coverage(outcomes, target) for target in TARGETS])


def _unlearnable_table(entries: Sequence[FitRow]) -> Table:
    rows = tuple(
        (name, f"{len(each):,}", str(sum(row.trial.passed > 0 for row in each)))
        for name, each in _group(entries, _cell_name).items()
    )
    columns = (_CELL, "fits", "fits that passed a target")
    return Table("Labels that can't be learned", columns, rows)


def _own(rows: Sequence[FitRow]) -> Outcomes:
    return [row.trial.outcomes for row in rows]


def _fresh(rows: Sequence[FitRow]) -> Outcomes:
    return [row.fresh for row in rows if row.fresh]


def _with_teachers(entries: Sequence[FitRow], teachers: Iterable[str]) -> list[FitRow]:
    return [entry for entry in entries if entry.cell.teacher in teachers]


def _cell_name(entry: FitRow) -> str:
    cell = entry.cell
    repeats = f"{cell.repeated:.0%} twice" if cell.repeated else "no repeats"
    return f"{entry.contestant}, {cell.corpus}, {cell.teacher}, {repeats}, {cell.size:,}"


def _group(entries: Sequence[FitRow], name: Callable[[FitRow], str]) -> dict[str, list[FitRow]]:
    """Entries by that name, in order of contestant, teacher, repeats and size."""
    groups: dict[str, list[FitRow]] = {}
    for entry in sorted(entries, key=_place):
        groups.setdefault(name(entry), []).append(entry)
    return groups


def _place(entry: FitRow) -> tuple[object, ...]:
    cell = entry.cell
    return entry.contestant == NAME, entry.contestant, cell.corpus, cell.teacher, cell.repeated, cell.size
