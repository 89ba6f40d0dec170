"""What is told of a refit. Times are Unix milliseconds."""

from collections.abc import Sequence

from msgspec.structs import replace

from models.fit import FitSummary
from schemas.messages import Event, EventKind
from streams.versions.lifecycle import VersionStage
from streams.versions.serving_state import PromotionPlan


def refit_started_event(task: str, version: str, traces: int, newest: int, at: int) -> Event:
    """A refit begins; `newest` is the time of the newest trace in it."""
    message = f"{task}: fitting {version} on {traces} traces"
    details = {"version": version, "traces": traces, "newest": newest}
    return Event(EventKind.REFIT, task, at, message, details)


def promoted_event(task: str, target: float, summary: FitSummary, at: int) -> Event:
    message = (
        f"{task}: {summary.version} goes live, fitted on {summary.traces} traces in {summary.seconds:.1f} s; "
        f"it should answer {summary.coverage(target):.0%} at an agreement of {target:g}"
    )
    details = {
        "version": summary.version,
        "traces": summary.traces,
        "accuracy": summary.accuracy,
        "seconds": summary.seconds,
        "coverage": {f"{point.target:g}": point.coverage for point in summary.frontier},
    }
    return Event(EventKind.PROMOTED, task, at, message, details)


def recovered_event(promotion: Event) -> Event:
    """A version that goes live after an alarm."""
    return replace(promotion, message=f"{promotion.message}; the breaker is closed")


def on_trial_event(task: str, version: str, state: VersionStage, plan: PromotionPlan, at: int) -> Event:
    """A version that passed the offline gate does not go live at once."""
    what = (
        f"answers {plan.share:.0%} of the requests" if state is VersionStage.CANARY else "is scored in shadow"
    )
    until = f"until {plan.needs} of its answers are checked" if plan.needs else "until the pin is lifted"
    details = {"version": version, "state": state, "share": plan.share, "needs": plan.needs}
    return Event(EventKind.TRIAL, task, at, f"{task}: {version} {what} {until}", details)


def refused_event(task: str, version: str, reasons: Sequence[str], at: int) -> Event:
    message = f"{task}: {version} is refused: {'; '.join(reasons)}"
    return Event(EventKind.REFUSED, task, at, message, {"version": version, "reasons": reasons})
