"""Scan of past LLM calls: estimates of what a surrogate could answer. It guarantees nothing; a fit does."""

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
from models.study import CurvePoint, Noise
from models.tier_gain import TierGain, TierTrial, tier_gain
from models.training_set import TrainingSet

PATIENCE = 30.0
"""Seconds that the learning curve may take beyond the time of the fit."""

Progress = Callable[[float, str], None]


class Scan(Struct, frozen=True):
    """What `understudy scan --json` prints.

    Attributes:
        traces: number of the teacher's answers, without copies.
        requests: number of distinct requests among them; the fit learns from each once.
        repeated: share of the requests that say what an earlier one said, under another id.
        sampled: number of requests that belong to a uniform sample of all traffic.
        labels: number of labels that the teacher gave.
        noise: how often the teacher contradicts itself; None if too few requests repeat.
        surrogate: that was fitted, in words; `none` if none was.
        accuracy: share of all requests on which its guess is the teacher's label, out of fold.
        targets: a forecast for each requested target, lowest first.
        curve: coverage with fewer traces, fewest first, the last point with all of them.
        interval: the method of each target's `low` and `high`.
        assumptions: that the file can't tell.
        seconds: that the scan took.
        tier: what one more tier would bring; None if none was tried.
    """

    traces: int
    requests: int
    repeated: float
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
    tier: TierGain | None = None


@dataclass(frozen=True, slots=True)
class _FitSettings:
    """Settings that all fits of a scan share."""

    embedder: str
    targets: tuple[float, ...]
    delta: float
    recurring: bool
    seed: int
    encoder: str | None

    def fit(self, traces: TrainingSet, progress: Progress = lambda _share, _doing: None) -> FitResult:
        return fit(
            traces,
            task="scan",
            version="scan",
            embedder=self.embedder,
            targets=self.targets,
            delta=self.delta,
            encoder=self.encoder,
            options=Options(curve=0.0, recurring=self.recurring),
            seed=self.seed,
            progress=progress,
        )


def scan(
    traces: TrainingSet,
    request_rows: NDArray[np.int64],
    *,
    embedder: str,
    targets: Sequence[float],
    assumptions: Assumptions,
    encoder: str | None = None,
    recurring: bool = False,
    trial: TierTrial | None = None,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> Scan:
    """Fit on all traces and on parts of them, and forecast each target.

    Args:
        traces: all answers of the teacher; several answers to one request show its noise.
        request_rows: int64, rows of traces with each request once: learning and gate use only these.
        embedder, encoder: as in `models.fit.fit`.
        targets: agreements, in (0, 1).
        assumptions: of the forecasts.
        recurring: as in `models.training.options.Options`.
        trial: one more tier to try, on a part of the requests.
        seed: of folds, parts and resamples.
        progress: called with the share done, in [0, 1], and what is being done.

    Raises:
        TrainingError: see `models.training_set.check_traces`.
        ValueError: see `models.fit.fit`.
    """
    started = time.perf_counter()
    requests = traces.take(request_rows)
    settings = _FitSettings(
        embedder, tuple(sorted(set(targets))), assumptions.delta, recurring, seed, encoder
    )
    result = settings.fit(requests, lambda share, doing: progress(0.5 * share, doing))
    progress(0.5, "learning curve")
    curve = _curve(settings, requests, result, time.perf_counter() - started)
    progress(0.9, "forecasts")
    noise = _teacher_noise(traces)
    forecasts = _forecasts(settings, result, curve, noise, assumptions)
    if trial is not None:
        progress(0.95, "with one more tier")
    return Scan(
        traces=len(traces),
        requests=len(requests),
        repeated=result.summary.repeated,
        sampled=result.summary.sampled,
        labels=result.summary.labels,
        noise=noise,
        surrogate=result.summary.surrogate,
        accuracy=result.summary.accuracy,
        targets=forecasts,
        curve=curve,
        interval=METHOD,
        assumptions=assumptions,
        tier=None if trial is None else tier_gain(trial, targets, assumptions.delta, seed),
        seconds=round(time.perf_counter() - started, 3),
    )


def _forecasts(
    settings: _FitSettings,
    result: FitResult,
    curve: tuple[CurvePoint, ...],
    noise: Noise | None,
    assumptions: Assumptions,
) -> tuple[Forecast, ...]:
    if result.sample is None:
        return tuple(Forecast(target, refused=result.refused) for target in settings.targets)
    inputs = ForecastInput(result.sample, result.summary.frontier, curve, noise)
    return tuple(forecast(inputs, target, assumptions, settings.seed) for target in settings.targets)


def _curve(
    settings: _FitSettings, requests: TrainingSet, result: FitResult, seconds: float
) -> tuple[CurvePoint, ...]:
    """Takes at most `seconds` and half a minute; empty if nothing was fitted."""
    if result.study is None or result.sample is None:
        return ()

    def at(rows: NDArray[np.int64]) -> Sample | None:
        return settings.fit(requests.take(np.sort(rows))).sample

    parts = result.study.curve or learning_curve(
        at, len(requests), settings.targets, settings.delta, seconds=seconds + PATIENCE, seed=settings.seed
    )
    last = point(len(requests), result.sample, settings.targets, settings.delta)
    passed = {curve_name(reached.target): reached.coverage for reached in result.summary.frontier}
    coverage = {target: passed.get(target, 0.0) for target in last.coverage}
    return *(part for part in parts if part.traces < len(requests)), replace(last, coverage=coverage)


def _teacher_noise(traces: TrainingSet) -> Noise | None:
    """Noise on the sampled traces: deferred requests are harder for the teacher too."""
    names, codes = np.unique(np.array(traces.labels, dtype=object), return_inverse=True)
    sampled = np.flatnonzero(traces.sampled)
    return contradictions.estimate_noise(
        traces.features.take(sampled), codes[sampled].astype(np.int64), len(names)
    )
