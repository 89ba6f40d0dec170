"""Content of a report, in figures and examples; `models.report.page` lays it out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from models.fit import FitSummary
from models.gate.labels import label_stats
from models.manifest import FrontierPoint, Manifest, point_for
from models.money import CURRENCY
from models.report.boundary import BoundaryPair, boundary
from models.report.changes import Changes, Side, changes, comparison_side, figures
from models.report.cost import Cost, TargetCoverage, cost
from models.report.disagreements import disagreements_csv
from models.report.examples import Group, groups
from models.report.flow import Flow, flow
from models.report.frontier import Frontier, frontier
from models.report.reliability import Bin, calibration_error, reliability
from models.report.tiers import Tiers, tiers_of
from models.study import CandidateResult, CurvePoint, LabelStats, Noise, Study

MOST_LABELS = 1000
BLOCKED = "the policy never answers it"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about.

    Attributes:
        summary: of the fit.
        study: its traces, scored; None where nothing was learned.
        texts: [n] of these traces, in the same order; None where only vectors are known.
        targets: agreements that were asked for.
        delta: chance of error that each target was tested with at the gate.
        manifest: of the policy; None when refused.
        parent: manifest of the version that the fit started from.
        made_at: Unix milliseconds.
        task: whose policy it is.
        currency: a sign or a word before amounts of money.
        rescored: the study is of rows that the finished policy was given, not of a fit's own traces out of
            fold.

    Raises:
        ValueError: there are more or fewer texts than traces.
    """

    summary: FitSummary
    study: Study | None
    texts: Sequence[str] | None
    targets: tuple[float, ...]
    delta: float
    manifest: Manifest | None
    parent: Manifest | None
    made_at: int
    task: str
    rescored: bool = False
    currency: str = CURRENCY

    def __post_init__(self) -> None:
        if self.study is not None and self.texts is not None and len(self.study) != len(self.texts):
            raise ValueError(f"{len(self.study)} traces but {len(self.texts)} texts: rows must match")


class RequestedTarget(Struct, frozen=True):
    """A target that was asked for, and the point that serves it; None where none passed the gate."""

    target: float
    point: FrontierPoint | None


class Content(Struct, frozen=True):
    """Everything that a page shows; an empty tuple or None where there is nothing to show.

    Attributes:
        task, summary, made_at, delta, rescored: as in `Subject`.
        point: the one shown throughout: of the lowest target that was asked for and passed the gate.
        asked: all targets that were asked for, lowest first.
        features: id of the embedder, None when refused.
        teachers: who gave the labels, in words.
        rows: traces that the figures are about.
        flow, tiers, frontier, reliability, calibration_error, labels, pairs, examples, changes, curve,
            trials, noise, cost: a section each; `labels` has at most 1,000, the worst first.
        below_target: labels whose agreement is significantly below the target: the upper of the exact 95 %
            bounds is.
        all_labels: how many there are.
        disagreements: how many traces have another label than the surrogate's.
        disagreements_csv: these, see `models.report.disagreements`.
        has_texts: there are texts to show examples of.
    """

    task: str
    summary: FitSummary
    made_at: int
    delta: float
    rescored: bool
    point: FrontierPoint | None
    asked: tuple[RequestedTarget, ...]
    features: str | None
    teachers: str | None
    rows: int
    flow: Flow | None
    tiers: Tiers | None
    frontier: Frontier
    reliability: tuple[Bin, ...]
    calibration_error: float
    labels: tuple[LabelStats, ...]
    below_target: frozenset[str]
    all_labels: int
    disagreements: int
    disagreements_csv: str | None
    pairs: tuple[BoundaryPair, ...]
    examples: tuple[Group, ...]
    has_texts: bool
    changes: Changes | None
    curve: tuple[CurvePoint, ...]
    trials: tuple[CandidateResult, ...]
    noise: Noise | None
    cost: Cost | None


def content(subject: Subject) -> Content:
    summary, study, texts, manifest = subject.summary, subject.study, subject.texts, subject.manifest
    usable = summary.frontier if summary.refused is None else ()
    asked = tuple(
        RequestedTarget(target, point_for(usable, target)) for target in sorted(set(subject.targets))
    )
    point = next((each.point for each in asked if each.point is not None), None)
    threshold = None if point is None else point.threshold
    bins = () if study is None else reliability(study)
    parent = subject.parent
    blocked = () if manifest is None else manifest.blocked
    stats = (
        ()
        if study is None
        else study.label_stats or label_stats(study, threshold, dict.fromkeys(blocked, BLOCKED))
    )
    below_target = frozenset(each.label for each in stats if point and _is_below(each, point.target))
    return Content(
        task=subject.task,
        summary=summary,
        made_at=subject.made_at,
        delta=subject.delta,
        rescored=subject.rescored,
        point=point,
        asked=asked,
        features=None if manifest is None else manifest.embedder,
        teachers=None
        if manifest is None or not manifest.teachers
        else comparison_side(manifest).facts["Teachers"],
        rows=0 if study is None else int(np.sum(study.gate_rows)),
        flow=None if study is None else flow(study, threshold),
        tiers=None if study is None else tiers_of(study, usable),
        frontier=frontier(study, summary.frontier, () if parent is None else parent.frontier),
        reliability=bins,
        calibration_error=calibration_error(bins),
        labels=_worst_first(stats, below_target),
        below_target=below_target,
        all_labels=len(stats),
        disagreements=0 if study is None else int(np.sum(~study.agrees)),
        disagreements_csv=None if study is None else disagreements_csv(study, texts, threshold),
        pairs=_pairs(study, texts, threshold),
        examples=() if study is None or texts is None else groups(study, texts, threshold),
        has_texts=texts is not None,
        changes=None if parent is None or study is None else changes(parent, _side(subject)),
        curve=() if study is None else study.curve,
        trials=() if study is None else study.candidates,
        noise=None if study is None else study.noise,
        cost=None if point is None else cost(_choices(summary.frontier), point.target, subject.currency),
    )


def _pairs(
    study: Study | None, texts: Sequence[str] | None, threshold: float | None
) -> tuple[BoundaryPair, ...]:
    if study is None or texts is None or threshold is None:
        return ()
    return boundary(study, texts, threshold)


def _is_below(label: LabelStats, target: float) -> bool:
    return bool(label.answered) and label.high < target


def _worst_first(labels: Sequence[LabelStats], below_target: frozenset[str]) -> tuple[LabelStats, ...]:
    """Those significantly below the target, then by agreement, then those never answered by their traces."""

    def rank(each: LabelStats) -> tuple[bool, bool, float, int]:
        agreement = each.agreements / each.answered if each.answered else 1.0
        return each.label not in below_target, not each.answered, agreement, -each.traces

    return tuple(sorted(labels, key=rank)[:MOST_LABELS])


def _choices(points: Sequence[FrontierPoint]) -> tuple[TargetCoverage, ...]:
    return tuple(TargetCoverage(point.target, point.coverage) for point in points)


def _side(subject: Subject) -> Side:
    """The version that was fitted, or what a refused fit has of it."""
    if subject.manifest is not None:
        return comparison_side(subject.manifest)
    summary, study = subject.summary, subject.study
    return Side(() if study is None else study.names, (), summary.frontier, figures(summary))
