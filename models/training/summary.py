"""A fit's outcome, and the summary and the manifest that are written of it."""

import hashlib
import platform
import time
from dataclasses import dataclass

import msgspec
import numpy as np
import onnx
import onnxruntime
import scipy

from models.drift import drift_reference
from models.manifest import FORMAT, FrontierPoint, Manifest, Member, point_for
from models.study import Study
from models.training.fit_stages import FittedStages
from models.training.request import FitRequest, recipe

LINEAGE = 20


class FitSummary(msgspec.Struct, frozen=True):
    """What `understudy fit --json` prints.

    Attributes:
        version: name of the policy, made or refused.
        traces, sampled, labels: how many traces, how many of them a uniform sample, how many labels.
        seconds: what the fit took.
        surrogate, acceptor: what they are, in words; `none` if nothing was fitted.
        accuracy: out-of-fold share of all traces on which the surrogate agrees; 0.0 if nothing was fitted.
        frontier: all targets that could be certified, lowest first.
        refused: None, or why there is no policy.
    """

    version: str
    traces: int
    sampled: int
    labels: int
    seconds: float
    surrogate: str
    acceptor: str
    accuracy: float
    frontier: tuple[FrontierPoint, ...]
    refused: tuple[str, ...] | None

    def coverage(self, target: float) -> float:
        """Share of the requests that it should answer at this target; 0.0 where that is not certified."""
        point = point_for(self.frontier, target)
        return point.coverage if point else 0.0


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What the fit has come to, whether it is refused or not."""

    fitted: FittedStages
    points: tuple[FrontierPoint, ...]
    study: Study


def summary_of(
    request: FitRequest, found: FitOutcome | None, refused: tuple[str, ...] | None, seconds: float
) -> FitSummary:
    fitted = None if found is None else found.fitted
    return FitSummary(
        version=request.version,
        traces=len(request.training),
        sampled=int(np.sum(request.training.sampled)),
        labels=len(request.names),
        seconds=round(seconds, 3),
        surrogate="none" if fitted is None else fitted.ensemble.name,
        acceptor="none" if fitted is None else fitted.ensemble.acceptor,
        accuracy=0.0 if fitted is None else float(fitted.agrees.mean()),
        frontier=() if found is None else found.points,
        refused=refused,
    )


def manifest_of(request: FitRequest, found: FitOutcome, summary: FitSummary, graph: bytes) -> Manifest:
    """The policy's account of itself, still without probes."""
    parent, study = request.parent_manifest, found.study
    return Manifest(
        format=FORMAT,
        task=request.task,
        version=request.version,
        labels=request.names,
        embedder=request.embedder,
        dimension=_dimension(found.fitted),
        delta=request.delta,
        frontier=summary.frontier,
        novelty_limit=study.novelty_limit,
        blocked=tuple(
            name for name, barred in zip(request.names, found.fitted.blocked, strict=True) if barred
        ),
        traces=summary.traces,
        sampled=summary.sampled,
        certifying=int(study.gate_rows.sum()),
        teachers=tuple(request.teachers),
        parent=None if parent is None else parent.version,
        created_at=time.time_ns() // 1_000_000,
        libraries=_libraries(),
        sha256=hashlib.sha256(graph).hexdigest(),
        surrogate=summary.surrogate,
        acceptor=summary.acceptor,
        searched=_searched(request, found.fitted),
        members=_members(found.fitted),
        accuracy=summary.accuracy,
        seconds=summary.seconds,
        probes=(),
        encoder=request.encoder,
        lineage=() if parent is None else (parent.version, *parent.lineage)[:LINEAGE],
        trials=study.candidates,
        accounts=study.label_stats,
        curve=study.curve,
        noise=study.noise,
        reference=drift_reference(study),
    )


def _dimension(fitted: FittedStages) -> int | None:
    featurizers = (featurizer for stage in fitted.ensemble.stages for featurizer in stage.featurizers)
    return next(
        (featurizer.dimension for featurizer in featurizers if featurizer.dimension is not None), None
    )


def _searched(request: FitRequest, fitted: FittedStages) -> int:
    """With how many traces the choices were made that this policy rests on; 0 if none were."""
    if request.parent_manifest is not None and recipe(request) is not None:
        return request.parent_manifest.searched
    return len(request.training) if fitted.training_targets.selection_rows.any() else 0


def _members(fitted: FittedStages) -> tuple[Member, ...]:
    return tuple(
        Member(place, member.kind, member.reads, weight, member.strength)
        for place, stage in enumerate(fitted.ensemble.stages)
        for member, weight in zip(stage.members, stage.weights, strict=True)
    )


def _libraries() -> dict[str, str]:
    modules = {"numpy": np, "scipy": scipy, "onnx": onnx, "onnxruntime": onnxruntime}
    return {"python": platform.python_version()} | {name: lib.__version__ for name, lib in modules.items()}
