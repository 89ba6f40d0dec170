"""What is told of a refit. Times are Unix milliseconds."""

from collections.abc import Sequence

from models.fit import FitSummary
from schemas.messages import Event, EventKind


def begun(task: str, version: str, traces: int, at: int) -> Event:
    message = f"{task}: fitting {version} on {traces} traces"
    return Event(EventKind.REFIT, task, at, message, {"version": version, "traces": traces})


def promoted(task: str, target: float, summary: FitSummary, at: int) -> Event:
    share = max((point.coverage for point in summary.frontier if point.target >= target), default=0.0)
    message = (
        f"{task}: {summary.version} goes live, fitted on {summary.traces} traces in {summary.seconds:.1f} s; "
        f"it should answer {share:.0%} at an agreement of {target:g}"
    )
    details = {
        "version": summary.version,
        "traces": summary.traces,
        "accuracy": summary.accuracy,
        "seconds": summary.seconds,
        "coverage": {f"{point.target:g}": point.coverage for point in summary.frontier},
    }
    return Event(EventKind.PROMOTED, task, at, message, details)


def refused(task: str, version: str, reasons: Sequence[str], at: int) -> Event:
    message = f"{task}: {version} is refused: {'; '.join(reasons)}"
    return Event(EventKind.REFUSED, task, at, message, {"version": version, "reasons": reasons})
