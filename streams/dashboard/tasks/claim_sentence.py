"""Claim of a task in one sentence that an operator can read out."""

from models.proven_share import at_least
from streams.status.claim import ClaimState, claim_of
from streams.status.task_status import TaskStatus


def claim_sentence(status: TaskStatus, certified_since: int | None) -> tuple[str, int | None]:
    """The claim as a sentence, in which `{since}` stands for a time that the reader's clock shows.

    Args:
        certified_since: Unix milliseconds; None where nobody knows.

    Returns:
        The sentence, and the time in Unix milliseconds; None where the sentence has none.
    """
    disagreed = status.audits - status.agreements
    counts = f"{_many(status.audits, 'audit')}, {disagreed:,} {'disagrees' if disagreed == 1 else 'disagree'}"
    claim = claim_of(status)
    if claim.state is ClaimState.CERTIFIED:
        proven = (
            f"{status.version} is certified to agree with the teacher in at least {at_least(status.target)}"
        )
        if certified_since is None:
            return f"{proven}: {counts}.", None
        return f"{proven} since {{since}}: {counts}.", certified_since
    reason = claim.words if claim.state is ClaimState.STOPPED else _reason(status)
    return f"{status.version} is not certified: {reason}. {counts.capitalize()}.", None


def _reason(status: TaskStatus) -> str:
    if status.new_labels:
        return "labels were added that it can't know"
    if status.suspended:
        return status.suspended
    if not status.audits:
        return f"no audits yet; the target is {status.target:.1%}"
    return f"its audits prove {at_least(status.bound)}; the target is {status.target:.1%}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
