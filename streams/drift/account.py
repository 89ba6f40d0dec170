"""What is told of drift: one sentence that says all of it, and the same for programs."""

from collections.abc import Collection

from models.drift import Signal
from schemas.messages import Event, EventKind
from streams.drift.windows import ScoreWindow


def drift_event(task: str, window: ScoreWindow, found: Collection[Signal], asks: bool, at: int) -> Event:
    """Requests no longer look like what a version has learned from."""
    asked = "a refit on traces from now on is asked for" if asks else "no refit is asked for"
    message = (
        f"{task}: of the last {window.counts.rows} requests that {window.version} has scored here, "
        f"{'; '.join(signal.sentence for signal in found)}. {asked.capitalize()}"
    )
    details = {
        "version": window.version,
        "requests": window.counts.rows,
        "since": window.since,
        "signals": {signal.kind: signal.chance for signal in found},
        "refit": asks,
    }
    return Event(EventKind.DRIFT, task, at, message, details)
