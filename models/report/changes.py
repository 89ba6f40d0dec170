"""Changes of a version against its parent."""

from msgspec import Struct

from models.manifest import FrontierPoint, Manifest
from models.report.rescored import summary_of
from models.training.result import FitSummary


class TargetChange(Struct, frozen=True):
    """Coverage at one target; None where the target did not pass the gate."""

    target: float
    before: float | None
    after: float | None


class Fact(Struct, frozen=True):
    """A property that both versions have, with another value."""

    name: str
    before: str
    after: str


class Changes(Struct, frozen=True):
    """Differences between the parent and the version.

    Attributes:
        parent: the parent's name.
        targets: those that passed the gate in either, highest first.
        facts: those that differ.
        added, lost: labels that only the version, only the parent knows.
        blocked, freed: labels that are blocked only in the version, only in the parent.
    """

    parent: str
    targets: tuple[TargetChange, ...]
    facts: tuple[Fact, ...]
    added: tuple[str, ...]
    lost: tuple[str, ...]
    blocked: tuple[str, ...]
    freed: tuple[str, ...]


class Side(Struct, frozen=True):
    """One side of the comparison; a refused fit has one too.

    Attributes:
        labels, blocked, frontier: as in the manifest.
        facts: other properties, in words, by name.
    """

    labels: tuple[str, ...]
    blocked: tuple[str, ...]
    frontier: tuple[FrontierPoint, ...]
    facts: dict[str, str]


def changes(parent: Manifest, after: Side) -> Changes:
    before = comparison_side(parent)
    return Changes(
        parent=parent.version,
        targets=_targets(before.frontier, after.frontier),
        facts=tuple(
            Fact(name, value, after.facts[name])
            for name, value in before.facts.items()
            if after.facts.get(name, value) != value
        ),
        added=_only(after.labels, before.labels),
        lost=_only(before.labels, after.labels),
        blocked=_only(after.blocked, before.blocked),
        freed=_only(before.blocked, after.blocked),
    )


def comparison_side(manifest: Manifest) -> Side:
    teachers = ", ".join(
        teacher.model if teacher.prompt is None else f"{teacher.model} (prompt {teacher.prompt[:8]})"
        for teacher in manifest.teachers
    )
    facts = figures(summary_of(manifest)) | {
        "Features": manifest.embedder,
        "Teachers": teachers or "not recorded",
    }
    return Side(manifest.labels, manifest.blocked, manifest.frontier, facts)


def figures(summary: FitSummary) -> dict[str, str]:
    drawn = "" if summary.drawn_from is None else f" drawn from {summary.drawn_from:,}"
    return {
        "Surrogate": summary.surrogate,
        "Acceptor": summary.acceptor,
        "Traces": f"{summary.traces:,}{drawn}",
        "Sampled traces": f"{summary.sampled:,}",
        "Accuracy on all traces": f"{summary.accuracy * 100:.1f} %",
    }


def _targets(before: tuple[FrontierPoint, ...], after: tuple[FrontierPoint, ...]) -> tuple[TargetChange, ...]:
    old = {point.target: point.coverage for point in before}
    new = {point.target: point.coverage for point in after}
    return tuple(
        TargetChange(target, old.get(target), new.get(target)) for target in sorted(old | new, reverse=True)
    )


def _only(names: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    known = set(others)
    return tuple(name for name in names if name not in known)
