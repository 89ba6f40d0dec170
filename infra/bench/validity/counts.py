"""Counts over many fits: certificates, those that were missed, and how many might have been."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from infra.bench.report import Figure, figure
from infra.bench.tables import Table, shares
from infra.bench.tracer.environment import NAME
from infra.bench.trial import DELTA, TARGETS, Trial, at, coverage
from infra.bench.validity.draws import LEARNABLE, UNLEARNABLE
from infra.bench.validity.results_log import Entry
from models.evaluate import LEVEL

_BOUND = "at most, on average"
_COUNTS = ("fits", "coverage at .90/.95/.98", "missed at .90", ".95", ".98", "in all", "delta allows", _BOUND)


@dataclass(frozen=True, slots=True)
class MissCounts:
    """Fits of one contestant, counted.

    Attributes:
        fits: how many.
        certified, missed: certificates at each target, and how many of them were significantly missed.
    """

    fits: int
    certified: tuple[int, ...]
    missed: tuple[int, ...]

    @property
    def allowed(self) -> float:
        """Wrong certificates that the promise allows, on average."""
        return DELTA * self.fits * len(self.certified)

    @property
    def bound(self) -> float:
        """What `missed` is on average at most: see `infra.bench.validity.measure`."""
        return self.allowed + LEVEL * sum(self.certified)


def tally(trials: Sequence[Trial]) -> MissCounts:
    outcomes = [at(trials, target) for target in TARGETS]
    return MissCounts(
        len(trials),
        tuple(sum(outcome.certified for outcome in each) for each in outcomes),
        tuple(sum(outcome.violation for outcome in each) for each in outcomes),
    )


def figures(entries: Sequence[Entry]) -> list[Figure]:
    """Of each contestant in all."""
    found = []
    for name, trials in _grouped(_of(entries, LEARNABLE), lambda entry: entry.contestant).items():
        count = tally(trials)
        missed = [sum(count.missed)]
        found += [figure(f"{name}: certificates missed", missed, "targets", _BOUND, [count.bound])]
        found += [figure(f"{name}: certificates", [sum(count.certified)], "targets")]
    for name, trials in _grouped(_of(entries, UNLEARNABLE), lambda entry: entry.contestant).items():
        certified = sum(trial.certified > 0 for trial in trials)
        found += [figure(f"{name}: fits that certify what can't be learned", [certified], "fits")]
    return found


def tables(entries: Sequence[Entry]) -> list[Table]:
    """Everything; what TRACER was fitted on, beside those who read vectors too; and what can't be learned."""
    learnable = _of(entries, LEARNABLE)
    theirs = {entry.cell for entry in learnable if entry.contestant == NAME}
    ours = [entry for entry in learnable if entry.contestant != NAME]
    shared = [entry for entry in learnable if entry.cell in theirs]
    return [
        _counts("Certificates that were significantly missed", ours),
        *([_counts("On the draws that TRACER was fitted on", shared)] if shared else []),
        _certified(_of(entries, UNLEARNABLE)),
    ]


def _of(entries: Sequence[Entry], teachers: Iterable[str]) -> list[Entry]:
    return [entry for entry in entries if entry.cell.teacher in teachers]


def _counts(title: str, entries: Sequence[Entry]) -> Table:
    groups = _grouped(entries, _group) | _grouped(entries, lambda entry: f"{entry.contestant}, all")
    rows = [(name, *_cells(trials)) for name, trials in sorted(groups.items())]
    return Table(title, ("contestant, corpus, teacher", *_COUNTS), tuple(rows))


def _cells(trials: Sequence[Trial]) -> tuple[str, ...]:
    count = tally(trials)
    return (
        f"{count.fits:,}",
        shares([coverage(trials, target) for target in TARGETS]),
        *(f"{missed} of {n}" for missed, n in zip(count.missed, count.certified, strict=True)),
        f"{sum(count.missed)} of {sum(count.certified)}",
        f"{count.allowed:.1f}",
        f"{count.bound:.1f}",
    )


def _certified(entries: Sequence[Entry]) -> Table:
    groups = _grouped(entries, _group)
    rows = tuple(
        (name, f"{len(trials):,}", str(sum(trial.certified > 0 for trial in trials)))
        for name, trials in sorted(groups.items())
    )
    return Table("Labels that nobody can learn", ("contestant, teacher", "fits", "certified anything"), rows)


def _group(entry: Entry) -> str:
    return f"{entry.contestant}, {entry.cell.corpus}, {entry.cell.teacher}"


def _grouped(entries: Sequence[Entry], name: Callable[[Entry], str]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {}
    for entry in entries:
        found.setdefault(name(entry), []).append(entry.trial)
    return found
