"""Events about refits. Times are Unix milliseconds."""

from collections.abc import Sequence

from models.training.result import FitSummary
from schemas.events import (
    Event,
    PromiseMissedDetails,
    PromotedDetails,
    RefitDetails,
    RefusedDetails,
)
from streams.trainer.audit_evidence import RefutedPromise
from streams.versions.events import breaker_state, version_moves
from streams.versions.serving_state import ServingChange


def refit_started_event(task: str, version: str, traces: int, newest: int, at: int) -> Event:
    """A refit begins; `newest` is the time of the newest reply in its traces."""
    details = RefitDetails(version, traces, newest)
    return details.event(task, at, f"{task}: fitting {version} on {traces} traces")


def promoted_event(
    task: str, target: float, summary: FitSummary, change: ServingChange, at: int, *, recovered: bool = False
) -> Event:
    """A version goes live after its fit.

    Args:
        target: agreement for which the expected coverage is named.
        recovered: the breaker was open, and closes with this.
    """
    message = (
        f"{task}: {summary.version} goes live, fitted on {summary.traces} traces in {summary.seconds:.1f} s; "
        f"it should answer {summary.coverage(target):.0%} at an agreement of {target:g}"
        f"{'; the breaker is closed' if recovered else ''}"
    )
    details = PromotedDetails(
        version=summary.version,
        moves=version_moves(change),
        breaker=breaker_state(change),
        traces=summary.traces,
        accuracy=summary.accuracy,
        seconds=summary.seconds,
        coverage={f"{point.target:g}": point.coverage for point in summary.frontier},
    )
    return details.event(task, at, message)


def refused_event(task: str, version: str, reasons: Sequence[str], at: int) -> Event:
    """A fit does not become a version; the next one is given its name."""
    message = f"{task}: the attempt at {version} is refused: {'; '.join(reasons)}"
    return RefusedDetails(version, tuple(reasons)).event(task, at, message)


def promise_missed_event(task: str, refuted: RefutedPromise, target: float, at: int) -> Event:
    """Audits prove that the answers agree less than is promised."""
    counts = refuted.counts
    message = (
        f"{task}: answers since {refuted.version} began agree less than promised: {counts.agreements:,} of "
        f"{counts.audits:,} audits agree, which proves at most {refuted.high:.1%}, and the target is "
        f"{target:.1%}. Until answers are good again, only traces since then certify a version"
    )
    details = PromiseMissedDetails(
        version=refuted.version,
        audits=counts.audits,
        agreements=counts.agreements,
        high=refuted.high,
        target=target,
        certify_from=refuted.since,
    )
    return details.event(task, at, message)
