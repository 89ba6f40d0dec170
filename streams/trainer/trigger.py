"""Decides when to refit: with enough new traces, or on request with enough that may certify."""

from dataclasses import dataclass

from schemas.config import Config, Refit

_AGAIN = 1.2
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class RefitAsked:
    """A requested refit, and the traces there are for it.

    Attributes:
        since: Unix milliseconds; older traces may not certify.
        certifying: traces that may.
        full: a window is full, so hardly more of them can come.
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
        config: that it was fitted for.
        traces: those that it could use; None for as many as seen.
        asked: the last requested refit.
        new_labels: traces with a label that was new to the live version.
    """

    seen: int = 0
    ended: float = float("-inf")
    config: Config | None = None
    traces: int | None = None
    asked: RefitAsked | None = None
    new_labels: int = 0


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


def request_due(request: RefitAsked, seen: int, attempt: RefitAttempt, config: Config, now: float) -> bool:
    """Whether to run the requested refit now.

    It takes enough traces that may certify, and a fifth more than the last attempt on traces since the same
    time had: each further test of the same traces only adds a chance of error. Where a window is full, that
    number of other traces must have come instead.
    """
    if now - attempt.ended < config.refit.quiet:
        return False
    before = attempt.asked
    had = before.certifying if before is not None and before.since == request.since else 0
    more = request.certifying >= had * _AGAIN
    others = request.full and seen - attempt.seen >= had * (_AGAIN - 1.0)
    return enough_traces(request.certifying, config.refit) and (more or others)


def labels_due(traces: int, attempt: RefitAttempt, config: Config, now: float) -> bool:
    """Whether to refit now, since traces hold a label that is new to the live version.

    Args:
        traces: with such a label; a fifth more than the last attempt had, and at least `_FEWEST`.
    """
    needed = max(_FEWEST, attempt.new_labels * _AGAIN)
    return now - attempt.ended >= config.refit.quiet and traces >= needed


def enough_traces(certifying: int, refit: Refit) -> bool:
    """Whether this number of traces that may certify is worth a fit."""
    return certifying >= fewest_certifying(refit)


def fewest_certifying(refit: Refit) -> int:
    """The fewest traces that may certify which are worth a fit: `at_least`, or a full window."""
    window = refit.at_least if refit.calibration_window is None else refit.calibration_window
    return min(refit.at_least, window)


def window_full(held: int, certifying: int, refit: Refit) -> bool:
    """Whether a window of traces, or the one of those that may certify, holds all that it may."""
    return held >= refit.window or certifying >= (refit.calibration_window or refit.window)


def traces_needed(traces: int, refit: Refit) -> float:
    """How many new traces the next refit waits for, after one that had `traces`."""
    return max(refit.growth * traces, refit.at_least)


def _asks_for_more(config: Config, before: Config) -> bool:
    return (
        config.embedder != before.embedder
        or config.dimension != before.dimension
        or config.delta < before.delta
        or config.aim > before.aim
    )
