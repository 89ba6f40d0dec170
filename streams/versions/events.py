"""Events about changes of versions: one sentence that says all of it, and the details for programs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from schemas.events import (
    AlarmDetails,
    BreakerClosedDetails,
    BreakerState,
    Event,
    EventKind,
    PinnedDetails,
    PromotedDetails,
    RefusedDetails,
    RollbackDetails,
    TrialDetails,
    UnpinnedDetails,
    VersionMove,
)
from streams.certify.evidence import AlarmEvidence
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import FOR_APPROVAL, PromotionPlan
from streams.versions.serving_state import ServingChange

_DESCRIPTIONS: Mapping[VersionStage, str] = MappingProxyType(
    {
        VersionStage.REFUSED: "is refused",
        VersionStage.SHADOW: "is scored in shadow",
        VersionStage.CANARY: "answers a share as a canary",
        VersionStage.APPROVAL: "waits for approval",
        VersionStage.LIVE: "goes live",
        VersionStage.RETIRED: "is retired",
        VersionStage.ROLLED_BACK: "is rolled back",
    }
)

OperatorDetails = PinnedDetails | UnpinnedDetails | BreakerClosedDetails
_COMMANDS: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.PINNED: "promotions are pinned",
        EventKind.UNPINNED: "promotions are free again",
        EventKind.BREAKER_CLOSED: "an operator has closed the breaker",
    }
)


def alarm_event(task: str, version: str, evidence: AlarmEvidence, change: ServingChange, at: int) -> Event:
    """A version was stopped by its alarm; says what answers in its place."""
    counts, recent, serving_state = evidence.counts, evidence.recent, change.serving_state
    since = datetime.fromtimestamp(serving_state.certify_from / 1000, UTC).isoformat(timespec="seconds")
    refit = f"a refit is requested, calibrated on traces since {since}"
    restored = next((move.version for move in change.moves if move.after is VersionStage.LIVE), None)
    if restored is not None:
        instead = f"{restored}, which is still certified, is restored, and {refit}"
    elif serving_state.breaker.open:
        instead = f"the breaker is open, everything is deferred to the teacher, and {refit}"
    elif serving_state.active is None:
        instead = f"Redis does not know a live version, requests are deferred to the teacher, and {refit}"
    else:
        instead = "the live version answers the canary's share"
    message = f"{task}: {_why_alarmed(version, evidence)}, so {version} is stopped; {instead}"
    details = AlarmDetails(
        version=version,
        audits=counts.audits,
        agreements=counts.agreements,
        recent_audits=recent.audits,
        recent_agreements=recent.agreements,
        target=evidence.target,
        restored=restored,
        breaker=breaker_state(change),
        certify_from=serving_state.certify_from,
        cause="silence" if evidence.is_silence else "agreement",
        unanswered=evidence.unanswered,
    )
    return details.event(task, at, message)


def _why_alarmed(version: str, evidence: AlarmEvidence) -> str:
    if evidence.is_silence:
        return (
            f"nobody knows whether answers of {version} still agree: {evidence.unanswered} of its last "
            f"{evidence.audits} audits have no label, since the teacher failed on them or passed them by, "
            "which is more than `alarm_silence` allows"
        )
    recent = evidence.recent
    return (
        f"agreement of {version} has fallen below the target ({recent.agreements} of the last "
        f"{recent.audits} audits agree, the target is {evidence.target:g})"
    )


def transition_event(task: str, change: ServingChange, at: int) -> Event:
    """Versions went from one stage to another, without a fit: promoted, restored, refused or rolled back."""
    last = change.moves[-1]
    moves = "; ".join(f"{move.version} {_DESCRIPTIONS[move.after]}: {move.reason}" for move in change.moves)
    return _transition_details(last, change).event(task, at, f"{task}: {moves}")


def on_trial_event(task: str, version: str, state: VersionStage, plan: PromotionPlan, at: int) -> Event:
    """A version that passed the offline gate does not go live at once."""
    if state is VersionStage.APPROVAL:
        details = TrialDetails(version, state, plan.share, plan.needs)
        command = f"`understudy policies approve {task} {version}`, or `policies refuse`"
        return details.event(task, at, f"{task}: {version} waits for approval: {command}")
    what = (
        f"answers {plan.share:.0%} of the requests" if state is VersionStage.CANARY else "is scored in shadow"
    )
    until = f"until {plan.needs} of its answers are checked" if plan.needs else "until the pin is lifted"
    details = TrialDetails(version, state, plan.share, plan.needs)
    return details.event(task, at, f"{task}: {version} {what} {until}")


def operator_event(task: str, details: OperatorDetails, at: int) -> Event:
    """An operator's command that may move no version."""
    return details.event(task, at, f"{task}: {_COMMANDS[details.kind]}: {details.reason}")


def version_moves(change: ServingChange) -> tuple[VersionMove, ...]:
    """The transitions of a change, as events carry them."""
    return tuple(
        VersionMove(move.version, move.before, move.after, move.at, move.by, move.reason)
        for move in change.moves
    )


def breaker_state(change: ServingChange) -> BreakerState:
    """What the breaker is after a change."""
    return "open" if change.serving_state.breaker.open else "closed"


def _transition_details(
    last: Transition, change: ServingChange
) -> PromotedDetails | RefusedDetails | RollbackDetails | TrialDetails:
    if last.after is VersionStage.APPROVAL:
        return TrialDetails(last.version, last.after, FOR_APPROVAL.share, FOR_APPROVAL.needs)
    if last.after is VersionStage.REFUSED:
        return RefusedDetails(last.version, (last.reason,))
    restored = last.version if last.after is VersionStage.LIVE else None
    if restored is not None and last.before not in (VersionStage.RETIRED, VersionStage.ROLLED_BACK):
        return PromotedDetails(restored, version_moves(change), breaker_state(change))
    return RollbackDetails(restored, version_moves(change), breaker_state(change))
