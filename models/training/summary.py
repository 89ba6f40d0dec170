"""The outcome of a fit, and its summary and manifest."""

import hashlib
import platform
import time
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import scipy
from msgspec import UNSET

from models.drift import drift_reference
from models.manifest import FORMAT, FrontierPoint, Manifest, Member
from models.study import Study
from models.training.contents import later_copies
from models.training.fitted_stages import FittedStages
from models.training.parent_recipe import recipe
from models.training.request import FitRequest
from models.training.result import FitSummary

LINEAGE = 20


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
        drawn_from=request.training.drawn_from,
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
        dimension=sum(part.length for part in request.parts) or None,
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
        drawn_from=UNSET if summary.drawn_from is None else summary.drawn_from,
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
