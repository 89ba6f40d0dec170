"""From traces to a certified policy, or to the reasons why there is none."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact
from models.forecast.learning_curve import learning_curve, more_traces, point
from models.gate import labels
from models.gate.frontier import Sample, frontier_points, refusal_reasons, shortage_reasons
from models.manifest import LabelSource, grid
from models.noise import contradictions
from models.study import CurvePoint, Noise, RepeatCounts, Study
from models.training.export import export
from models.training.fit_stages import FittedStages, Progress, learn_stages
from models.training.options import Options
from models.training.request import FitRequest, recipe
from models.training.self_test import with_test_vectors
from models.training.summary import FitOutcome, FitSummary, manifest_of, summary_of
from models.training_set import TrainingSet

__all__ = [
    "Artifact",
    "FitRequest",
    "FitResult",
    "FitSummary",
    "Options",
    "TrainingSet",
    "fit",
    "fit_request",
]


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


def fit(
    training: TrainingSet,
    *,
    task: str,
    version: str,
    embedder: str = "text",
    targets: Sequence[float] = (0.95,),
    delta: float = 0.05,
    parent: Artifact | None = None,
    teachers: Sequence[LabelSource] = (),
    encoder: str | None = None,
    repeats: RepeatCounts | None = None,
    options: Options | None = None,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> FitResult:
    """Learn a policy and pass it through the gate.

    Args:
        training, task, version, ...: see `models.training.request.FitRequest`; None stands for its default.
        progress: called with the share done, in [0, 1], and what is being done.

    Raises:
        TrainingError, InvalidSpec, ValueError: see `FitRequest.check`.
        PolicyError: the parent's manifest can't be read.
    """
    return fit_request(
        FitRequest(
            training=training,
            task=task,
            version=version,
            embedder=embedder,
            targets=targets,
            delta=delta,
            parent=parent,
            teachers=teachers,
            encoder=encoder,
            repeats=repeats or RepeatCounts(),
            options=options or Options(),
            seed=seed,
        ),
        progress,
    )


def fit_request(request: FitRequest, progress: Progress = lambda _share, _doing: None) -> FitResult:
    """Learn the requested policy and pass it through the gate; arguments and errors as in `fit`."""
    started = time.perf_counter()
    request.check()
    hopeless = _hopeless(request)
    if hopeless:
        return FitResult(None, hopeless, summary_of(request, None, hopeless, time.perf_counter() - started))
    outcome = _outcome(request, started, progress)
    passed = {point.target for point in outcome.points}
    if not passed.intersection(request.targets):
        return _refusal(request, outcome, started)
    result = _policy(request, outcome, started)
    progress(1.0, "done")
    return result


def _hopeless(request: FitRequest) -> tuple[str, ...]:
    """Why there is no point in learning; empty if there may be."""
    refused = shortage_reasons(int(np.sum(request.training.sampled)), request.targets, request.delta)
    if len(request.names) < 2:
        refused += (f"one label only ({request.names[0]!r}): nothing to tell apart until there is a second",)
    return refused


def _outcome(request: FitRequest, started: float, progress: Progress) -> FitOutcome:
    fitted = learn_stages(
        request.training,
        request.names,
        request.embedder,
        request.targets,
        request.options,
        recipe=recipe(request),
        seed=request.seed,
        progress=progress,
    )
    progress(0.8, "certifying")
    points = frontier_points(fitted.sample, grid(request.targets), request.delta)
    asked = [point.threshold for point in points if point.target in request.targets]
    seen = fitted.study(request.names)
    study = replace(
        seen,
        label_stats=labels.label_stats(seen, min(asked, default=None), fitted.block_reasons(request.names)),
        noise=_noise(request, fitted),
        curve=_curve(request, fitted, started, progress),
    )
    return FitOutcome(fitted, points, study)


def _noise(request: FitRequest, fitted: FittedStages) -> Noise | None:
    measured = contradictions.measured_noise(request.repeats)
    if measured is not None:
        return measured
    rows = np.flatnonzero(fitted.sampled)
    return contradictions.estimate_noise(
        request.training.features.take(rows), fitted.training_targets.codes[rows], len(request.names)
    )


def _curve(
    request: FitRequest, fitted: FittedStages, started: float, progress: Progress
) -> tuple[CurvePoint, ...]:
    """What parts of the traces would have certified, as far as there is time; none for a refit."""
    if request.parent_manifest is not None or request.options.curve == 0.0:
        return ()
    progress(0.82, "learning curve")

    def at(rows: NDArray[np.int64]) -> Sample | None:
        part = request.training.take(rows)
        names = tuple(sorted(set(part.labels)))
        if len(names) < 2 or not np.any(part.sampled):
            return None
        quick = replace(request.options, surrogates=(), residual=False)
        return learn_stages(part, names, request.embedder, request.targets, quick, seed=request.seed).sample

    seconds = request.options.curve * (time.perf_counter() - started)
    below = learning_curve(
        at, len(request.training), request.targets, request.delta, seconds=seconds, seed=request.seed
    )
    return (*below, point(len(request.training), fitted.sample, request.targets, request.delta))


def _refusal(request: FitRequest, found: FitOutcome, started: float) -> FitResult:
    refused = list(refusal_reasons(found.fitted.sample, found.points, request.targets, request.delta))
    for target in request.targets:
        refused += filter(None, [contradictions.noise_refusal(found.study.noise, target)])
        more = more_traces(found.study.curve, target, request.delta, request.seed)
        if more is not None:
            most = "many more" if more.most is None else f"{more.most:,}"
            refused.append(f"{target:g} may need {more.least:,} to {most} further traces, as the curve goes")
    summary = summary_of(request, found, tuple(refused), time.perf_counter() - started)
    return FitResult(None, tuple(refused), summary, found.study)


def _policy(request: FitRequest, found: FitOutcome, started: float) -> FitResult:
    graph = export(found.fitted.ensemble)
    summary = summary_of(request, found, None, time.perf_counter() - started)
    manifest = with_test_vectors(manifest_of(request, found, summary, graph), graph, request.seed)
    return FitResult(Artifact(manifest.encode(), graph), (), summary, found.study)
