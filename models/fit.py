"""From traces to a certified policy, or to the reasons why there is none."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact
from models.forecast.learning_curve import learning_curve, more_traces, point
from models.gate import labels
from models.gate.frontier import Sample, certify, refusal_reasons, too_few
from models.manifest import LabelSource, Manifest, grid
from models.noise import contradictions
from models.study import CurvePoint, Noise, RepeatCounts, Study
from models.training.export import export
from models.training.fit_stages import FittedStages, Progress, learn
from models.training.options import Options
from models.training.self_test import with_test_vectors
from models.training.summary import FitOutcome, FitRequest, FitSummary, manifest_of, recipe, summary_of
from models.training_set import TrainingSet, check_traces

__all__ = ["Artifact", "FitResult", "FitSummary", "Options", "TrainingSet", "fit"]


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
    twice: RepeatCounts | None = None,
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
        parent: a policy to start from: what it has chosen is taken over, but for a residual stage,
            and nothing is searched again until the traces have doubled.
        teachers: who gave the labels.
        encoder: id of the encoder that made the vectors, where one did; the policy answers for no other.
        twice: how often the teacher said the same when asked twice, where that was tried.
        options: how far to search, and what is never answered; None for the usual.
        seed: of folds, draws and sketches; the same traces and seed give the same policy, as long
            as the budget decides nothing.
        progress: told the share done, in [0, 1], and what is being done.

    Raises:
        TrainingError: see `models.training_set.check_traces`.
        PolicyError: the parent's manifest can't be read.
        InvalidSpec: `embedder` is not of the grammar.
        ValueError: a target or delta outside (0, 1), or no target.
    """
    started = time.perf_counter()
    _check_levels(targets, delta)
    check_traces(training, embedder)
    order = FitRequest(
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
        twice=twice or RepeatCounts(),
        options=options or Options(),
        seed=seed,
        started=started,
    )
    hopeless = _hopeless(order)
    if hopeless:
        return FitResult(None, hopeless, summary_of(order, None, hopeless))
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


def _hopeless(order: FitRequest) -> tuple[str, ...]:
    """Why there is no point in learning; empty if there may be."""
    refused = too_few(int(np.sum(order.training.sampled)), order.targets, order.delta)
    if len(order.names) < 2:
        refused += (f"one label only ({order.names[0]!r}): nothing to tell apart until there is a second",)
    return refused


def _found(order: FitRequest, progress: Progress) -> FitOutcome:
    fitted = learn(
        order.training,
        order.names,
        order.embedder,
        order.targets,
        order.options,
        recipe=recipe(order),
        seed=order.seed,
        progress=progress,
    )
    progress(0.8, "certifying")
    points = certify(fitted.sample, grid(order.targets), order.delta)
    asked = [point.threshold for point in points if point.target in order.targets]
    seen = fitted.study(order.names)
    study = replace(
        seen,
        accounts=labels.label_stats(seen, min(asked, default=None), fitted.why_blocked(order.names)),
        noise=_noise(order, fitted),
        curve=_curve(order, fitted, progress),
    )
    return FitOutcome(fitted, points, study)


def _noise(order: FitRequest, fitted: FittedStages) -> Noise | None:
    measured = contradictions.measured_noise(order.twice)
    if measured is not None:
        return measured
    rows = np.flatnonzero(fitted.sampled)
    return contradictions.estimate_noise(
        order.training.features.take(rows), fitted.lesson.codes[rows], len(order.names)
    )


def _curve(order: FitRequest, fitted: FittedStages, progress: Progress) -> tuple[CurvePoint, ...]:
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


def _refusal(order: FitRequest, found: FitOutcome) -> FitResult:
    refused = list(refusal_reasons(found.fitted.sample, found.points, order.targets, order.delta))
    for target in order.targets:
        refused += filter(None, [contradictions.noise_refusal(found.study.noise, target)])
        more = more_traces(found.study.curve, target, order.delta, order.seed)
        if more is not None:
            most = "many more" if more.most is None else f"{more.most:,}"
            refused.append(f"{target:g} may need {more.least:,} to {most} further traces, as the curve goes")
    return FitResult(None, tuple(refused), summary_of(order, found, tuple(refused)), found.study)


def _policy(order: FitRequest, found: FitOutcome) -> FitResult:
    graph = export(found.fitted.joint)
    summary = summary_of(order, found, None)
    manifest = with_test_vectors(manifest_of(order, found, summary, graph), graph, order.seed)
    return FitResult(Artifact(manifest.encode(), graph), (), summary, found.study)
