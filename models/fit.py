"""From traces to a certified policy, or to the reasons why there is none.

Order: features, out-of-fold logits, calibration, novelty limit, frontier, graph. Whatever touches the promise
(calibration, limit, frontier) sees sampled traces only, each scored by models that have not learned from it.
"""

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import onnx
import onnxruntime
import scipy
from numpy.typing import NDArray

from models import acceptor, folds, logistic
from models.artifact import Artifact
from models.design import Design
from models.export import export
from models.frontier import Sample, certify, reasons, too_few
from models.manifest import FORMAT, FrontierPoint, Manifest, Teacher, grid
from models.probes import with_probes
from models.text import TextDesign
from models.training import TrainingSet, check
from models.vectors import VectorDesign

__all__ = ["Artifact", "FitResult", "FitSummary", "TrainingSet", "fit"]

ACCEPTOR = "top-1, beta calibration"
LEAST_TRACES = 3
NOVELTY_QUANTILE = 0.99


class FitSummary(msgspec.Struct, frozen=True):
    """What `understudy fit --json` prints.

    Attributes:
        labels: how many the teacher gave.
        accuracy: out-of-fold share of all traces on which the surrogate agrees; 0.0 if nothing was fitted.
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
    """

    artifact: Artifact | None
    refused: tuple[str, ...]
    summary: FitSummary


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The surrogate and acceptor of all traces, and what they promise."""

    design: Design
    found: logistic.OutOfFold
    acceptor: acceptor.Acceptor
    blocked: NDArray[np.bool_]
    novelty_limit: float
    sample: Sample
    accuracy: float


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
    seed: int = 0,
    progress: Callable[[float, str], None] = lambda _share, _doing: None,
) -> FitResult:
    """Learn a policy and certify it.

    Args:
        training: the traces.
        task, version: for the manifest.
        embedder: `text`, or the id of whatever made the embeddings.
        targets: agreements wanted, in (0, 1); the policy is refused if none of them can be certified.
        delta: chance of certifying a target that is not met, in (0, 1).
        parent: a policy to start from; its choice of C narrows the search.
        teachers: who gave the labels.
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
    names = tuple(sorted(set(training.labels)))
    refused = too_few(int(training.sampled.sum()), targets, delta)
    if len(names) < 2:
        refused += (f"one label only ({names[0]!r}): nothing to tell apart until the teacher gives a second",)
    if refused:
        return FitResult(None, refused, _summary(training, names, version, started, None, (), refused))
    ancestor = None if parent is None else Manifest.decode(parent.manifest)
    fitted = _learn(training, names, embedder, ancestor, seed, progress)
    progress(0.9, "certifying")
    points = certify(fitted.sample, grid(targets), delta)
    asked = {round(target, 6) for target in targets}
    if not asked & {point.target for point in points}:
        refused = reasons(fitted.sample, points, sorted(asked), delta)
        return FitResult(None, refused, _summary(training, names, version, started, fitted, points, refused))
    graph = export(fitted.design, fitted.found.model, fitted.acceptor)
    summary = _summary(training, names, version, started, fitted, points, ())
    manifest = Manifest(
        format=FORMAT,
        task=task,
        version=version,
        labels=names,
        embedder=embedder,
        dimension=fitted.design.dimension,
        delta=delta,
        frontier=points,
        novelty_limit=fitted.novelty_limit,
        blocked=tuple(np.array(names, dtype=object)[fitted.blocked]),
        traces=len(training),
        sampled=summary.sampled,
        teachers=tuple(teachers),
        parent=None if ancestor is None else ancestor.version,
        created_at=time.time_ns() // 1_000_000,
        libraries=_libraries(),
        sha256=hashlib.sha256(graph).hexdigest(),
        surrogate=summary.surrogate,
        acceptor=summary.acceptor,
        regularisation=fitted.found.strength,
        accuracy=summary.accuracy,
        seconds=summary.seconds,
        probes=(),
    )
    artifact = Artifact(with_probes(manifest, graph, seed).encode(), graph)
    progress(1.0, "done")
    return FitResult(artifact, (), summary)


def _learn(
    training: TrainingSet,
    names: tuple[str, ...],
    embedder: str,
    ancestor: Manifest | None,
    seed: int,
    progress: Callable[[float, str], None],
) -> _Fitted:
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place[label] for label in training.labels], dtype=np.int64)
    held = folds.assign(codes, seed)
    progress(0.0, "reading features")
    design = _design(training, embedder, codes, len(names), held, seed)
    progress(0.3, "fitting out of fold")
    strengths = _strengths(ancestor, embedder)
    found = logistic.out_of_fold(
        design.matrix,
        codes,
        len(names),
        held,
        training.weights,
        strengths,
        lambda share: progress(0.3 + 0.6 * share, "fitting out of fold"),
    )
    guesses = found.logits.argmax(axis=1)
    agrees = guesses == codes
    sampled = np.asarray(training.sampled, dtype=np.bool_)
    calibrated = acceptor.fit(found.logits[sampled], agrees[sampled], codes[sampled])
    blocked = np.bincount(codes, minlength=len(names)) < LEAST_TRACES
    limit = float(np.quantile(design.novelty[sampled], NOVELTY_QUANTILE))
    eligible = (design.novelty <= limit) & ~blocked[guesses]
    sample = Sample(calibrated.scores(found.logits[sampled]), agrees[sampled], eligible[sampled])
    return _Fitted(design, found, calibrated, blocked, limit, sample, float(agrees.mean()))


def _design(
    training: TrainingSet,
    embedder: str,
    codes: NDArray[np.int64],
    labels: int,
    held: NDArray[np.int64],
    seed: int,
) -> Design:
    if embedder == "text" and training.features.texts is not None:
        return TextDesign(training.features.texts, seed)
    vectors = training.features.embeddings
    assert vectors is not None  # noqa: S101 - `check` has refused anything else
    return VectorDesign(vectors, codes, labels, held)


def _strengths(ancestor: Manifest | None, embedder: str) -> tuple[float, ...]:
    """All candidates for C, or those around the parent's."""
    if ancestor is None or ancestor.embedder != embedder:
        return logistic.STRENGTHS
    return (
        tuple(c for c in logistic.STRENGTHS if 0.2 <= c / ancestor.regularisation <= 5) or logistic.STRENGTHS
    )


def _summary(
    training: TrainingSet,
    names: tuple[str, ...],
    version: str,
    started: float,
    fitted: _Fitted | None,
    points: tuple[FrontierPoint, ...],
    refused: tuple[str, ...],
) -> FitSummary:
    return FitSummary(
        version=version,
        traces=len(training),
        sampled=int(np.sum(training.sampled)),
        labels=len(names),
        seconds=round(time.perf_counter() - started, 3),
        surrogate="none" if fitted is None else fitted.design.name,
        acceptor="none" if fitted is None else ACCEPTOR,
        accuracy=0.0 if fitted is None else fitted.accuracy,
        frontier=points,
        refused=refused or None,
    )


def _check_levels(targets: Sequence[float], delta: float) -> None:
    if not targets:
        raise ValueError("targets: at least one is needed")
    for name, value in [("delta", delta), *(("target", target) for target in targets)]:
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name}: {value} is not between 0 and 1")


def _libraries() -> dict[str, str]:
    modules = {"numpy": np, "scipy": scipy, "onnx": onnx, "onnxruntime": onnxruntime}
    return {"python": platform.python_version()} | {
        name: module.__version__ for name, module in modules.items()
    }
