"""From traces to a certified policy, or to the reasons why there is none."""

import hashlib
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import onnx
import onnxruntime
import scipy
from numpy.typing import NDArray

from models import labels, noise
from models.acceptors import top1
from models.artifact import Artifact
from models.curve import learning_curve, more_traces, point
from models.drift import reference
from models.export import export
from models.frontier import Sample, certify, reasons, too_few
from models.learn import Fitted, Progress, learn
from models.manifest import FORMAT, FrontierPoint, Manifest, Member, Teacher, grid
from models.options import Options
from models.probes import with_probes
from models.study import CurvePoint, Noise, Study
from models.surrogates import linear
from models.surrogates.zoo import ALWAYS
from models.sweep import Recipe
from models.training import TrainingSet, check

__all__ = ["Artifact", "FitResult", "FitSummary", "Options", "TrainingSet", "fit"]

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
    options: Options
    seed: int
    started: float

    @property
    def spent(self) -> float:
        """Seconds since the fit began."""
        return time.perf_counter() - self.started


@dataclass(frozen=True, slots=True)
class _Found:
    """What the fit has come to, whether it is refused or not."""

    fitted: Fitted
    points: tuple[FrontierPoint, ...]
    study: Study


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
    options: Options | None = None,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> FitResult:
    """Learn a policy and certify it.

    Args:
        training: the traces.
        task, version: for the manifest.
        embedder: what the policy reads, in the grammar of `models.embedders.spec`.
        targets: agreements wanted, in (0, 1); the policy is refused if none of them can be certified.
        delta: chance of certifying a target that is not met, in (0, 1).
        parent: a policy to start from: what it has chosen is taken over, and nothing is searched again.
        teachers: who gave the labels.
        encoder: id of the encoder that made the vectors, where one did; the policy answers for no other.
        options: how far to search, and what is never answered; None for the usual.
        seed: of folds, draws and sketches; the same traces and seed give the same policy.
        progress: told the share done, in [0, 1], and what is being done.

    Raises:
        TrainingError: see `models.training.check`.
        PolicyError: the parent's manifest can't be read.
        InvalidSpec: `embedder` is not of the grammar.
        ValueError: a target or delta outside (0, 1), or no target.
    """
    started = time.perf_counter()
    _check_levels(targets, delta)
    check(training, embedder)
    order = _Order(
        training=training,
        names=tuple(sorted({str(label) for label in training.labels})),
        task=task,
        version=version,
        embedder=embedder,
        targets=tuple(sorted({round(target, 6) for target in targets})),
        delta=delta,
        ancestor=None if parent is None else Manifest.decode(parent.manifest),
        teachers=tuple(teachers),
        encoder=encoder,
        options=options or Options(),
        seed=seed,
        started=started,
    )
    hopeless = _hopeless(order)
    if hopeless:
        return FitResult(None, hopeless, _summary(order, None, hopeless))
    found = _found(order, progress)
    certified = {point.target for point in found.points}
    if not certified.intersection(order.targets):
        return _refusal(order, found)
    result = _policy(order, found)
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


def _found(order: _Order, progress: Progress) -> _Found:
    fitted = learn(
        order.training,
        order.names,
        order.embedder,
        order.targets,
        order.options,
        recipe=_recipe(order),
        seed=order.seed,
        progress=progress,
    )
    progress(0.8, "certifying")
    points = certify(fitted.sample, grid(order.targets), order.delta)
    asked = [point.threshold for point in points if point.target in order.targets]
    study = replace(
        fitted.study(order.names),
        accounts=labels.accounts(fitted, order.names, min(asked, default=0.0)),
        noise=_noise(order, fitted),
        curve=_curve(order, fitted, progress),
    )
    return _Found(fitted, points, study)


def _recipe(order: _Order) -> Recipe | None:
    """What the parent has chosen, if it read the same features and has not been outgrown since."""
    parent = order.ancestor
    if parent is None or parent.embedder != order.embedder:
        return None
    if len(order.training) > OUTGROWN * parent.searched:
        return None
    strengths = {one.reads: one.strength for one in parent.members if one.kind == linear.KIND}
    extras = frozenset(one.kind for one in parent.members) - set(ALWAYS)
    return Recipe(strengths, extras, parent.acceptor == top1.NAME)


def _noise(order: _Order, fitted: Fitted) -> Noise | None:
    rows = np.flatnonzero(fitted.sampled)
    return noise.estimate(order.training.features.take(rows), fitted.lesson.codes[rows], len(order.names))


def _curve(order: _Order, fitted: Fitted, progress: Progress) -> tuple[CurvePoint, ...]:
    """What parts of the traces would have certified, as far as there is time; none for a refit."""
    if order.ancestor is not None or order.options.curve == 0.0:
        return ()
    progress(0.82, "learning curve")

    def at(rows: NDArray[np.int64]) -> Sample | None:
        part = order.training.take(rows)
        names = tuple(sorted(set(part.labels)))
        if len(names) < 2 or not np.any(part.sampled):
            return None
        quick = replace(order.options, surrogates=(), residual=False)
        return learn(part, names, order.embedder, order.targets, quick, seed=order.seed).sample

    seconds = order.options.curve * order.spent
    below = learning_curve(
        at, len(order.training), order.targets, order.delta, seconds=seconds, seed=order.seed
    )
    return (*below, point(len(order.training), fitted.sample, order.targets, order.delta))


def _refusal(order: _Order, found: _Found) -> FitResult:
    refused = list(reasons(found.fitted.sample, found.points, order.targets, order.delta))
    for target in order.targets:
        refused += filter(None, [noise.refusal(found.study.noise, target)])
        more = more_traces(found.study.curve, target, order.delta, order.seed)
        if more is not None:
            most = "many more" if more.most is None else f"{more.most:,}"
            refused.append(f"{target:g} may need {more.least:,} to {most} further traces, as the curve goes")
    return FitResult(None, tuple(refused), _summary(order, found, tuple(refused)), found.study)


def _policy(order: _Order, found: _Found) -> FitResult:
    graph = export(found.fitted.joint)
    summary = _summary(order, found, None)
    manifest = with_probes(_manifest(order, found, summary, graph), graph, order.seed)
    return FitResult(Artifact(manifest.encode(), graph), (), summary, found.study)


def _summary(order: _Order, found: _Found | None, refused: tuple[str, ...] | None) -> FitSummary:
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


def _manifest(order: _Order, found: _Found, summary: FitSummary, graph: bytes) -> Manifest:
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
        reference=reference(study),
    )


def _dimension(fitted: Fitted) -> int | None:
    designs = (design for stage in fitted.joint.stages for design in stage.designs)
    return next((design.dimension for design in designs if design.dimension is not None), None)


def _searched(order: _Order, fitted: Fitted) -> int:
    """With how many traces the choices were made that this policy rests on; 0 if none were."""
    if order.ancestor is not None and _recipe(order) is not None:
        return order.ancestor.searched
    return len(order.training) if fitted.lesson.choosers.any() else 0


def _members(fitted: Fitted) -> tuple[Member, ...]:
    return tuple(
        Member(place, member.kind, member.reads, weight, member.strength)
        for place, stage in enumerate(fitted.joint.stages)
        for member, weight in zip(stage.members, stage.weights, strict=True)
    )


def _libraries() -> dict[str, str]:
    modules = {"numpy": np, "scipy": scipy, "onnx": onnx, "onnxruntime": onnxruntime}
    return {"python": platform.python_version()} | {name: lib.__version__ for name, lib in modules.items()}
