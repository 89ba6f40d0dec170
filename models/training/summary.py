"""The outcome of a fit, and its summary and manifest."""

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
from models.training.contents import later_copies
from models.training.fitted_stages import FittedStages
from models.training.request import FitRequest, recipe

LINEAGE = 20


class FitSummary(msgspec.Struct, frozen=True):
    """What `understudy fit --json` prints.

    Attributes:
        version: name of the policy, refused or not.
        traces, sampled, labels: number of traces, of those in a uniform sample of all traffic, and of labels.
        seconds: that the fit took.
        surrogate, acceptor: in words; `none` if nothing was fitted.
        accuracy: share of all traces on which the surrogate's guess is the teacher's label, out of fold; 0.0
            if nothing was fitted.
        frontier: all targets that passed the gate, lowest first.
        refused: reasons; None if there is a policy.
        repeated: share of the traces that say what an earlier one said, under whatever id.
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
    repeated: float = 0.0

    def coverage(self, target: float) -> float:
        """Share of the requests that it answers at this target; 0.0 if no target at or above it passed."""
        point = point_for(self.frontier, target)
        return point.coverage if point else 0.0


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """The result of learning and of the gate, before a policy is made or refused."""

    fitted: FittedStages
    points: tuple[FrontierPoint, ...]
    study: Study


def summary_of(
    request: FitRequest, outcome: FitOutcome | None, refused: tuple[str, ...] | None, seconds: float
) -> FitSummary:
    """The summary; `outcome` is None if nothing was fitted."""
    fitted = None if outcome is None else outcome.fitted
    return FitSummary(
        version=request.version,
        traces=len(request.training),
        sampled=int(np.sum(request.training.sampled)),
        labels=len(request.names),
        seconds=round(seconds, 3),
        surrogate="none" if fitted is None else fitted.ensemble.name,
        acceptor="none" if fitted is None else fitted.ensemble.acceptor,
        accuracy=0.0 if fitted is None else float(fitted.agrees.mean()),
        frontier=() if outcome is None else outcome.points,
        refused=refused,
        repeated=0.0 if fitted is None else float(later_copies(fitted.contents).mean()),
    )


def manifest_of(request: FitRequest, outcome: FitOutcome, summary: FitSummary, graph: bytes) -> Manifest:
    """The manifest of the policy, without test vectors."""
    parent, study = request.parent_manifest, outcome.study
    return Manifest(
        format=FORMAT,
        task=request.task,
        version=request.version,
        labels=request.names,
        embedder=request.embedder,
        dimension=_dimension(outcome.fitted),
        delta=request.delta,
        frontier=summary.frontier,
        novelty_limit=study.novelty_limit,
        blocked=tuple(
            name for name, blocked in zip(request.names, outcome.fitted.blocked, strict=True) if blocked
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
        searched=_searched_traces(request, outcome.fitted),
        members=_members(outcome.fitted),
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
        offered=request.offered,
    )


def _dimension(fitted: FittedStages) -> int | None:
    featurizers = (featurizer for stage in fitted.ensemble.stages for featurizer in stage.featurizers)
    return next(
        (featurizer.dimension for featurizer in featurizers if featurizer.dimension is not None), None
    )


def _searched_traces(request: FitRequest, fitted: FittedStages) -> int:
    """Number of traces with which the policy's choices were made; 0 if no label decided a choice."""
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
