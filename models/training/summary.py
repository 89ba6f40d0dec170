"""What a fit was asked for and what it found, as its summary and its manifest tell it."""

import hashlib
import platform
import time
from dataclasses import dataclass

import msgspec
import numpy as np
import onnx
import onnxruntime
import scipy

from models.acceptors import top1
from models.drift import drift_reference
from models.manifest import FORMAT, FrontierPoint, LabelSource, Manifest, Member, point_for
from models.study import RepeatCounts, Study
from models.surrogates import linear
from models.surrogates.zoo import ALWAYS
from models.training.fit_stages import FittedStages
from models.training.options import Options
from models.training.sweep import Recipe
from models.training_set import TrainingSet

LINEAGE = 20
OUTGROWN = 2.0


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
class FitRequest:
    """What was asked for; see `fit`. `names` are the teacher's labels, sorted; `started` a clock reading."""

    training: TrainingSet
    names: tuple[str, ...]
    task: str
    version: str
    embedder: str
    targets: tuple[float, ...]
    delta: float
    ancestor: Manifest | None
    teachers: tuple[LabelSource, ...]
    encoder: str | None
    twice: RepeatCounts
    options: Options
    seed: int
    started: float

    @property
    def spent(self) -> float:
        """Seconds since the fit began."""
        return time.perf_counter() - self.started


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What the fit has come to, whether it is refused or not."""

    fitted: FittedStages
    points: tuple[FrontierPoint, ...]
    study: Study


def recipe(order: FitRequest) -> Recipe | None:
    """What the parent has chosen, if it read the same features and has not been outgrown since."""
    parent = order.ancestor
    if parent is None or parent.embedder != order.embedder:
        return None
    if len(order.training) > OUTGROWN * parent.searched:
        return None
    strengths = {one.reads: one.strength for one in reversed(parent.members) if one.kind == linear.KIND}
    extras = frozenset(one.kind for one in parent.members) - set(ALWAYS)
    return Recipe(strengths, extras, parent.acceptor == top1.NAME)


def summary_of(order: FitRequest, found: FitOutcome | None, refused: tuple[str, ...] | None) -> FitSummary:
    fitted = None if found is None else found.fitted
    return FitSummary(
        version=order.version,
        traces=len(order.training),
        sampled=int(np.sum(order.training.sampled)),
        labels=len(order.names),
        seconds=round(order.spent, 3),
        surrogate="none" if fitted is None else fitted.joint.name,
        acceptor="none" if fitted is None else fitted.joint.acceptor,
        accuracy=0.0 if fitted is None else float(fitted.agrees.mean()),
        frontier=() if found is None else found.points,
        refused=refused,
    )


def manifest_of(order: FitRequest, found: FitOutcome, summary: FitSummary, graph: bytes) -> Manifest:
    """The policy's account of itself, still without probes."""
    parent, study = order.ancestor, found.study
    return Manifest(
        format=FORMAT,
        task=order.task,
        version=order.version,
        labels=order.names,
        embedder=order.embedder,
        dimension=_dimension(found.fitted),
        delta=order.delta,
        frontier=summary.frontier,
        novelty_limit=study.novelty_limit,
        blocked=tuple(name for name, barred in zip(order.names, found.fitted.blocked, strict=True) if barred),
        traces=summary.traces,
        sampled=summary.sampled,
        certifying=int(study.certifying.sum()),
        teachers=order.teachers,
        parent=None if parent is None else parent.version,
        created_at=time.time_ns() // 1_000_000,
        libraries=_libraries(),
        sha256=hashlib.sha256(graph).hexdigest(),
        surrogate=summary.surrogate,
        acceptor=summary.acceptor,
        searched=_searched(order, found.fitted),
        members=_members(found.fitted),
        accuracy=summary.accuracy,
        seconds=summary.seconds,
        probes=(),
        encoder=order.encoder,
        lineage=() if parent is None else (parent.version, *parent.lineage)[:LINEAGE],
        trials=study.trials,
        accounts=study.accounts,
        curve=study.curve,
        noise=study.noise,
        reference=drift_reference(study),
    )


def _dimension(fitted: FittedStages) -> int | None:
    designs = (design for stage in fitted.joint.stages for design in stage.designs)
    return next((design.dimension for design in designs if design.dimension is not None), None)


def _searched(order: FitRequest, fitted: FittedStages) -> int:
    """With how many traces the choices were made that this policy rests on; 0 if none were."""
    if order.ancestor is not None and recipe(order) is not None:
        return order.ancestor.searched
    return len(order.training) if fitted.lesson.choosers.any() else 0


def _members(fitted: FittedStages) -> tuple[Member, ...]:
    return tuple(
        Member(place, member.kind, member.reads, weight, member.strength)
        for place, stage in enumerate(fitted.joint.stages)
        for member, weight in zip(stage.members, stage.weights, strict=True)
    )


def _libraries() -> dict[str, str]:
    modules = {"numpy": np, "scipy": scipy, "onnx": onnx, "onnxruntime": onnxruntime}
    return {"python": platform.python_version()} | {name: lib.__version__ for name, lib in modules.items()}
