"""When to refit: enough new traces, or a request and enough that may certify; and a pause since the last."""

from dataclasses import dataclass

from schemas.config import Config, Refit

_AGAIN = 1.2


@dataclass(frozen=True, slots=True)
class RefitAsked:
    """A refit that somebody has asked for.

    Attributes:
        since: Unix milliseconds; older traces may not certify.
        certifying: traces that may.
        full: a window is full, so that there will hardly be more of them.
    """

    since: int
    certifying: int
    full: bool = False


@dataclass(frozen=True, slots=True)
class RefitAttempt:
    """The last refit, whether it was promoted or refused.

    Attributes:
        seen: traces that the trainer had seen when it began.
        ended: monotonic seconds.
        config: what it was made for.
        traces: those that it could use; None for as many as seen.
        tried: the last one that was asked for.
    """

    seen: int = 0
    ended: float = float("-inf")
    config: Config | None = None
    traces: int | None = None
    tried: RefitAsked | None = None


def refit_due(seen: int, attempt: RefitAttempt, config: Config, now: float) -> bool:
    """Whether to refit now.

    New traces must be `growth` of those that the last attempt had, and at least `at_least`. A config that
    asks for another promise or other features needs no new traces, only as many as a first fit.
    """
    if now - attempt.ended < config.refit.quiet:
        return False
    if attempt.config is not None and _asks_for_more(config, attempt.config):
        return seen >= config.refit.at_least
    had = attempt.seen if attempt.traces is None else attempt.traces
    return seen - attempt.seen >= traces_needed(had, config.refit)


def request_due(now_there: RefitAsked, seen: int, attempt: RefitAttempt, config: Config, now: float) -> bool:
    """Whether to refit now that somebody has asked for it.

    It takes enough traces that may certify, and a fifth more than the last attempt on traces since the same
    time had: further looks at the same ones would only invite errors. Where a window is full, as many other
    traces must have come instead.
    """
    if now - attempt.ended < config.refit.quiet:
        return False
    before = attempt.tried
    had = before.certifying if before is not None and before.since == now_there.since else 0
    more = now_there.certifying >= had * _AGAIN
    others = now_there.full and seen - attempt.seen >= had * (_AGAIN - 1.0)
    return enough_traces(now_there.certifying, config.refit) and (more or others)


def enough_traces(certifying: int, refit: Refit) -> bool:
    """Whether so many traces that may certify are worth a fit: `at_least`, or all that the window holds."""
    window = refit.at_least if refit.calibration_window is None else refit.calibration_window
    return certifying >= min(refit.at_least, window)


def window_full(held: int, certifying: int, refit: Refit) -> bool:
    """Whether a window of traces, or the one of those that may certify, holds all that it may."""
    return held >= refit.window or certifying >= (refit.calibration_window or refit.window)


def traces_needed(traces: int, refit: Refit) -> float:
    """How many new traces the next refit waits for after one that had so many."""
    return max(refit.growth * traces, refit.at_least)


def _asks_for_more(config: Config, before: Config) -> bool:
    return (
        config.embedder != before.embedder
        or config.dimension != before.dimension
        or config.delta < before.delta
        or config.aim > before.aim
    )
