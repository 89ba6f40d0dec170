"""The day-one answer to a file of past LLM calls. It promises nothing; policies of `models.fit` do."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from models.fit import FitResult, Options, fit
from models.forecast.forecast import METHOD, Assumptions, Forecast, ForecastInput, forecast
from models.forecast.learning_curve import curve_name, learning_curve, point
from models.gate.frontier import Sample
from models.noise import contradictions
from models.study import CurvePoint, Noise, Study
from models.training_set import TrainingSet

PATIENCE = 30.0
"""Seconds that a learning curve may take beyond what the fit took."""

Progress = Callable[[float, str], None]


class Scan(Struct, frozen=True):
    """What `understudy scan --json` prints.

    Attributes:
        traces: answers of the teacher, without copies of the same one.
        requests: distinct requests among them, each of which counts once; what the fit learns from.
        sampled: how many requests belong to a uniform sample of all traffic.
        labels: how many labels the teacher gave.
        noise: how often the teacher contradicts itself; None where too few traces repeat.
        surrogate: what was fitted, in words; `none` if nothing was.
        accuracy: out-of-fold share of all requests on which it agrees with the teacher.
        targets: one for each that was asked for, lowest first.
        curve: what fewer traces certify, fewest first, the last with all of them.
        interval: how each target's `low` and `high` were found.
        assumptions: what the file can't tell.
        seconds: what the scan took.
    """

    traces: int
    requests: int
    sampled: int
    labels: int
    noise: Noise | None
    surrogate: str
    accuracy: float
    targets: tuple[Forecast, ...]
    curve: tuple[CurvePoint, ...]
    interval: str
    assumptions: Assumptions
    seconds: float


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What every fit of a scan has in common."""

    embedder: str
    targets: tuple[float, ...]
    delta: float
    seed: int

    def fit(self, traces: TrainingSet, progress: Progress = lambda _share, _doing: None) -> FitResult:
        return fit(
            traces,
            task="scan",
            version="scan",
            embedder=self.embedder,
            targets=self.targets,
            delta=self.delta,
            options=Options(curve=0.0),
            seed=self.seed,
            progress=progress,
        )


def scan(
    traces: TrainingSet,
    once: NDArray[np.int64],
    *,
    embedder: str,
    targets: Sequence[float],
    assumptions: Assumptions,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> Scan:
    """Fit, on all traces and on parts of them, and read off what can be had.

    Args:
        traces: all answers of the teacher, also several to one request: they tell how steady it is.
        once: int64, places of traces with each request once: only they are learned from and certify.
        embedder: as in `models.fit.fit`.
        targets: agreements wanted, in (0, 1).
        seed: of folds, parts and resamples.
        progress: told the share done, in [0, 1], and what is being done.

    Raises:
        TrainingError: see `models.training_set.check_traces`.
        ValueError: see `models.fit.fit`.
    """
    started = time.perf_counter()
    requests = traces.take(once)
    wanted = _Wanted(embedder, tuple(sorted(set(targets))), assumptions.delta, seed)
    made = wanted.fit(requests, lambda share, doing: progress(0.5 * share, doing))
    progress(0.5, "learning curve")
    curve = _curve(wanted, requests, made, time.perf_counter() - started)
    progress(0.9, "weighing")
    steadiness = _noise(traces)
    return Scan(
        traces=len(traces),
        requests=len(requests),
        sampled=made.summary.sampled,
        labels=made.summary.labels,
        noise=steadiness,
        surrogate=made.summary.surrogate,
        accuracy=made.summary.accuracy,
        targets=_prospects(wanted, made, curve, steadiness, assumptions),
        curve=curve,
        interval=METHOD,
        assumptions=assumptions,
        seconds=round(time.perf_counter() - started, 3),
    )


def _prospects(
    wanted: _Wanted,
    made: FitResult,
    curve: tuple[CurvePoint, ...],
    steadiness: Noise | None,
    assumptions: Assumptions,
) -> tuple[Forecast, ...]:
    if made.study is None:
        return tuple(Forecast(target, refused=made.refused) for target in wanted.targets)
    outlook = ForecastInput(_sample(made.study), made.summary.frontier, curve, steadiness)
    return tuple(forecast(outlook, target, assumptions, wanted.seed) for target in wanted.targets)


def _curve(wanted: _Wanted, requests: TrainingSet, made: FitResult, seconds: float) -> tuple[CurvePoint, ...]:
    """Takes `seconds` and half a minute at most; empty where nothing was fitted."""
    if made.study is None:
        return ()

    def at(rows: NDArray[np.int64]) -> Sample | None:
        study = wanted.fit(requests.take(rows)).study
        return None if study is None else _sample(study)

    parts = made.study.curve or learning_curve(
        at, len(requests), wanted.targets, wanted.delta, seconds=seconds + PATIENCE, seed=wanted.seed
    )
    last = point(len(requests), _sample(made.study), wanted.targets, wanted.delta)
    certified = {curve_name(found.target): found.coverage for found in made.summary.frontier}
    shown = {target: certified.get(target, 0.0) for target in last.coverage}
    return *(part for part in parts if part.traces < len(requests)), replace(last, coverage=shown)


def _noise(traces: TrainingSet) -> Noise | None:
    """From the sampled traces: what was deferred is harder for the teacher too."""
    names, codes = np.unique(np.array(traces.labels, dtype=object), return_inverse=True)
    sampled = np.flatnonzero(traces.sampled)
    return contradictions.estimate_noise(
        traces.features.take(sampled), codes[sampled].astype(np.int64), len(names)
    )


def _sample(study: Study) -> Sample:
    rows = study.gate_rows
    return Sample(study.scores[rows], study.agrees[rows], study.eligible[rows])
