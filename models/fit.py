"""From traces to a certified policy, or to the reasons why there is none."""

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import onnx
import onnxruntime
import scipy
from msgspec.structs import replace

from models.artifact import Artifact
from models.drift import reference
from models.export import export
from models.frontier import certify, reasons, too_few
from models.learn import Fitted, learn
from models.manifest import FORMAT, FrontierPoint, Manifest, Teacher, grid
from models.probes import with_probes
from models.study import Study
from models.training import TrainingSet, check

__all__ = ["Artifact", "FitResult", "FitSummary", "TrainingSet", "fit"]

ACCEPTOR = "top-1, beta calibration"


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


@dataclass(frozen=True, slots=True)
class FitResult:
    """A policy, or the reasons why there is none.

    Attributes:
        artifact: None when refused.
        refused: reasons; empty when at least one of the asked targets was certified.
        summary: the figures either way.
        study: what was found out about each trace; None where there was no point in learning.
    """

    artifact: Artifact | None
    refused: tuple[str, ...]
    summary: FitSummary
    study: Study | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for; see `fit`. `names` are the teacher's labels, sorted; `started` a clock reading."""

    training: TrainingSet
    names: tuple[str, ...]
    task: str
    version: str
    embedder: str
    targets: tuple[float, ...]
    delta: float
    ancestor: Manifest | None
    teachers: tuple[Teacher, ...]
    encoder: str | None
    started: float


def fit(
    training: TrainingSet,
    *,
    task: str,
    version: str,
    embedder: str = "text",
    targets: Sequence[float] = (0.95,),
    delta: float = 0.05,
    parent: Artifact | None = None,
    teachers: Sequence[Teacher] = (),
    encoder: str | None = None,
    seed: int = 0,
    progress: Callable[[float, str], None] = lambda _share, _doing: None,
) -> FitResult:
    """Learn a policy and certify it.

    Args:
        training: the traces.
        task, version: for the manifest.
        embedder: what the policy reads, in the grammar of `models.embedders.spec`.
        targets: agreements wanted, in (0, 1); the policy is refused if none of them can be certified.
        delta: chance of certifying a target that is not met, in (0, 1).
        parent: a policy to start from; the search for C begins at its choice.
        teachers: who gave the labels.
        encoder: id of the encoder that made the vectors, where one did; the policy answers for no other.
        seed: of folds and sketches; the same traces and seed give the same policy.
        progress: told the share done, in [0, 1], and what is being done.

    Raises:
        TrainingError: see `models.training.check`.
        PolicyError: the parent's manifest can't be read.
        ValueError: a target or delta outside (0, 1), or no target.
    """
    started = time.perf_counter()
    _check_levels(targets, delta)
    check(training, embedder)
    order = _Order(
        training=training,
        names=tuple(sorted(set(training.labels))),
        task=task,
        version=version,
        embedder=embedder,
        targets=tuple(sorted({round(target, 6) for target in targets})),
        delta=delta,
        ancestor=None if parent is None else Manifest.decode(parent.manifest),
        teachers=tuple(teachers),
        encoder=encoder,
        started=started,
    )
    hopeless = _hopeless(order)
    if hopeless:
        return _refusal(order, hopeless)
    fitted = learn(training, order.names, embedder, order.ancestor, seed, progress)
    progress(0.9, "certifying")
    points = certify(fitted.sample, grid(order.targets), delta)
    if not {point.target for point in points}.intersection(order.targets):
        return _refusal(order, reasons(fitted.sample, points, order.targets, delta), fitted, points)
    result = _policy(order, fitted, points, seed)
    progress(1.0, "done")
    return result


def _check_levels(targets: Sequence[float], delta: float) -> None:
    if not targets:
        raise ValueError("targets: at least one is needed")
    for name, value in [("delta", delta), *(("target", target) for target in targets)]:
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name}: {value} is not between 0 and 1")


def _hopeless(order: _Order) -> tuple[str, ...]:
    """Why there is no point in learning; empty if there may be."""
    refused = too_few(int(np.sum(order.training.sampled)), order.targets, order.delta)
    if len(order.names) < 2:
        refused += (f"one label only ({order.names[0]!r}): nothing to tell apart until there is a second",)
    return refused


def _refusal(
    order: _Order,
    refused: tuple[str, ...],
    fitted: Fitted | None = None,
    points: tuple[FrontierPoint, ...] = (),
) -> FitResult:
    study = None if fitted is None else fitted.study(order.names)
    return FitResult(None, refused, _summary(order, fitted, points, refused), study)


def _policy(order: _Order, fitted: Fitted, points: tuple[FrontierPoint, ...], seed: int) -> FitResult:
    graph = export(fitted.design, fitted.found.model, fitted.acceptor)
    summary, study = _summary(order, fitted, points, None), fitted.study(order.names)
    manifest = replace(_manifest(order, fitted, summary, graph), reference=reference(study))
    return FitResult(Artifact(with_probes(manifest, graph, seed).encode(), graph), (), summary, study)


def _summary(
    order: _Order,
    fitted: Fitted | None,
    points: tuple[FrontierPoint, ...],
    refused: tuple[str, ...] | None,
) -> FitSummary:
    return FitSummary(
        version=order.version,
        traces=len(order.training),
        sampled=int(np.sum(order.training.sampled)),
        labels=len(order.names),
        seconds=round(time.perf_counter() - order.started, 3),
        surrogate="none" if fitted is None else fitted.design.name,
        acceptor="none" if fitted is None else ACCEPTOR,
        accuracy=0.0 if fitted is None else fitted.accuracy,
        frontier=points,
        refused=refused,
    )


def _manifest(order: _Order, fitted: Fitted, summary: FitSummary, graph: bytes) -> Manifest:
    """The policy's account of itself, still without probes."""
    return Manifest(
        format=FORMAT,
        task=order.task,
        version=order.version,
        labels=order.names,
        embedder=order.embedder,
        dimension=fitted.design.dimension,
        delta=order.delta,
        frontier=summary.frontier,
        novelty_limit=fitted.novelty_limit,
        blocked=fitted.blocked_labels(order.names),
        traces=summary.traces,
        sampled=summary.sampled,
        teachers=order.teachers,
        parent=None if order.ancestor is None else order.ancestor.version,
        created_at=time.time_ns() // 1_000_000,
        libraries=_libraries(),
        sha256=hashlib.sha256(graph).hexdigest(),
        surrogate=summary.surrogate,
        acceptor=summary.acceptor,
        regularisation=fitted.found.strength,
        accuracy=summary.accuracy,
        seconds=summary.seconds,
        probes=(),
        encoder=order.encoder,
    )


def _libraries() -> dict[str, str]:
    modules = {"numpy": np, "scipy": scipy, "onnx": onnx, "onnxruntime": onnxruntime}
    return {"python": platform.python_version()} | {name: lib.__version__ for name, lib in modules.items()}
