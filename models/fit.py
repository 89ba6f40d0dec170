"""Fits a policy to traces and passes it through the gate, or gives the reasons for a refusal."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact
from models.embedders.kinds import cascade_tiers, is_staged
from models.forecast.learning_curve import learning_curve, more_traces, point
from models.gate import labels
from models.gate.deferred_shift import with_deferred_shifts
from models.gate.frontier import Sample, frontier_points, refusal_reasons, shortage_reasons
from models.gate.tier_shares import with_tier_shares
from models.gate.time_dependence import TimeDependence
from models.manifest import LabelSource, grid
from models.noise import contradictions
from models.study import CurvePoint, Noise, RepeatCounts
from models.training.export import export
from models.training.fit_stages import Progress, learn_stages
from models.training.fitted_stages import FittedStages
from models.training.fold_models import FoldModels
from models.training.options import Options
from models.training.parent_recipe import recipe
from models.training.request import FitRequest
from models.training.result import FitResult, FitSummary
from models.training.self_test import with_test_vectors
from models.training.summary import FitOutcome, manifest_of, summary_of
from models.training.time_order import time_dependence
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


def fit(
    training: TrainingSet,
    *,
    task: str,
    version: str,
    embedder: str = "text",
    targets: Sequence[float] = (0.95,),
    delta: float = 0.05,
    parent: Artifact | None = None,
    fold_models: FoldModels | None = None,
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
            fold_models=fold_models,
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
    dependence = time_dependence(request.training, request.seed)
    refused = _early_refusal(request, dependence)
    if refused:
        return FitResult(None, refused, summary_of(request, None, refused, time.perf_counter() - started))
    outcome = _outcome(request, dependence, started, progress)
    passed = {point.target for point in outcome.points}
    if not passed.intersection(request.targets):
        return _refusal(request, outcome, started)
    result = _policy(request, outcome, started, progress)
    progress(1.0, "done")
    return result


def _early_refusal(request: FitRequest, dependence: TimeDependence) -> tuple[str, ...]:
    """Why no policy can pass whatever is learned; empty if one may."""
    sampled = int(np.sum(request.training.sampled))
    refused = shortage_reasons(dependence.count_as(sampled), request.targets, request.delta)
    if refused and dependence.found:
        refused += (dependence.sentence(sampled),)
    if len(request.names) < 2:
        refused += (f"one label only, {request.names[0]!r}: wait until the teacher has given a second",)
    return refused


def _outcome(
    request: FitRequest, dependence: TimeDependence, started: float, progress: Progress
) -> FitOutcome:
    fitted = learn_stages(
        request.training,
        request.names,
        request.embedder,
        request.targets,
        request.options,
        parts=request.parts,
        recipe=recipe(request),
        earlier=request.fold_models,
        encoder=request.encoder,
        dependence=dependence,
        seed=request.seed,
        progress=progress,
    )
    progress(0.8, "gate")
    points = with_deferred_shifts(
        frontier_points(fitted.sample, grid(request.targets), request.delta), fitted.sample
    )
    thresholds = [point.threshold for point in points if point.target in request.targets]
    scored = fitted.study(request.names)
    study = replace(
        scored,
        label_stats=labels.label_stats(
            scored, min(thresholds, default=None), fitted.block_reasons(request.names)
        ),
        noise=_noise(request, fitted),
        curve=_curve(request, fitted, started, progress),
        tiers=cascade_tiers(request.embedder),
    )
    if is_staged(request.embedder):
        points = with_tier_shares(points, study)
    return FitOutcome(fitted, points, study)


def _noise(request: FitRequest, fitted: FittedStages) -> Noise | None:
    """How often the teacher contradicts itself; by the parent where its choices are taken over too."""
    measured = contradictions.measured_noise(request.repeats)
    if measured is not None:
        return measured
    parent = request.parent_manifest
    if parent is not None and parent.noise is not None and not parent.noise.asked and recipe(request):
        return parent.noise
    rows = np.flatnonzero(fitted.sampled)
    return contradictions.estimate_noise(
        request.training.features.take(rows), fitted.training_targets.codes[rows], len(request.names)
    )


def _curve(
    request: FitRequest, fitted: FittedStages, started: float, progress: Progress
) -> tuple[CurvePoint, ...]:
    """Learning curve on parts of the traces, as far as time allows; empty for a refit from a parent."""
    if request.parent_manifest is not None or request.options.curve == 0.0:
        return ()
    progress(0.82, "learning curve")

    def at(rows: NDArray[np.int64]) -> Sample | None:
        part = request.training.take(np.sort(rows))
        names = tuple(sorted(set(part.labels)))
        if len(names) < 2 or not np.any(part.sampled):
            return None
        quick = replace(request.options, surrogates=(), residual=False)
        return learn_stages(
            part, names, request.embedder, request.targets, quick, parts=request.parts, seed=request.seed
        ).sample

    seconds = request.options.curve * (time.perf_counter() - started)
    parts = learning_curve(
        at, len(request.training), request.targets, request.delta, seconds=seconds, seed=request.seed
    )
    return (*parts, point(len(request.training), fitted.sample, request.targets, request.delta))


def _refusal(request: FitRequest, outcome: FitOutcome, started: float) -> FitResult:
    refused = list(refusal_reasons(outcome.fitted.sample, outcome.points, request.targets, request.delta))
    for target in request.targets:
        refused += filter(None, [contradictions.noise_refusal(outcome.study.noise, target)])
        more = more_traces(outcome.study.curve, target, request.delta, request.seed)
        if more is not None:
            most = "many more" if more.most is None else f"{more.most:,}"
            refused.append(
                f"target {target:g} may need {more.least:,} to {most} further traces, by the learning curve"
            )
    if outcome.fitted.dependence.found:
        refused.append(outcome.fitted.dependence.sentence(int(outcome.fitted.sampled.sum())))
    refused += _repeats_reasons(outcome.fitted)
    summary = summary_of(request, outcome, tuple(refused), time.perf_counter() - started)
    return FitResult(
        None, tuple(refused), summary, outcome.study, outcome.fitted.sample, outcome.fitted.fold_models
    )


def _repeats_reasons(fitted: FittedStages) -> tuple[str, ...]:
    """A sentence on sampled traces that count once, if they would be a tenth more otherwise."""
    sample = fitted.sample
    if sample.traffic is None or len(sample.traffic) <= 1.1 * len(sample) or fitted.dependence.found:
        return ()
    reason = (
        f"{len(sample.traffic):,} sampled traces hold {len(sample):,} different contents, each counted once: "
        "wait for more; or, where texts come again by themselves, not as retries or doubled lines, fit with "
        "`--recurring` or set `refit.recurring`"
    )
    return (reason,)


def _policy(request: FitRequest, outcome: FitOutcome, started: float, progress: Progress) -> FitResult:
    progress(0.9, "exporting")
    graph = export(outcome.fitted.ensemble, staged=is_staged(request.embedder))
    summary = summary_of(request, outcome, None, time.perf_counter() - started)
    progress(0.95, "testing the graph")
    manifest = with_test_vectors(manifest_of(request, outcome, summary, graph), graph, request.seed)
    artifact = Artifact(manifest.encode(), graph)
    return FitResult(artifact, (), summary, outcome.study, outcome.fitted.sample, outcome.fitted.fold_models)
