"""What is told of a change: one sentence that says all of it, and the same for programs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec

from schemas.messages import Event, EventKind
from streams.certify.evidence import AlarmEvidence
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.serving_state import ServingChange

_BECOMES: Mapping[VersionStage, str] = MappingProxyType(
    {
        VersionStage.REFUSED: "is refused",
        VersionStage.SHADOW: "is scored in shadow",
        VersionStage.CANARY: "answers a share as a canary",
        VersionStage.LIVE: "goes live",
        VersionStage.RETIRED: "is retired",
        VersionStage.ROLLED_BACK: "is rolled back",
    }
)


def alarm_event(task: str, version: str, evidence: AlarmEvidence, change: ServingChange, at: int) -> Event:
    """A version was stopped, and what answers in its place."""
    counts, recent, posture = evidence.counts, evidence.recent, change.posture
    since = datetime.fromtimestamp(posture.certify_from / 1000, UTC).isoformat(timespec="seconds")
    asked = f"a refit is asked for, certified on traces since {since}"
    restored = next((move.version for move in change.moves if move.after is VersionStage.LIVE), None)
    if restored is not None:
        instead = f"{restored}, whose own certificate stands, answers again, and {asked}"
    elif posture.breaker.open:
        instead = f"the breaker is open, everything goes to the teacher, and {asked}"
    elif posture.active is None:
        instead = f"which version is live is not known, what it answered goes to the teacher, and {asked}"
    else:
        instead = "the live version answers its share"
    message = (
        f"{task}: the teacher no longer agrees with {version} as promised ({recent.agreements} of the "
        f"last {recent.audits} audits agree, the target is {evidence.target:g}), so {version} is stopped; "
        f"{instead}"
    )
    details = {
        "version": version,
        "audits": counts.audits,
        "agreements": counts.agreements,
        "recent_audits": recent.audits,
        "recent_agreements": recent.agreements,
        "target": evidence.target,
        "restored": restored,
        "breaker": "open" if posture.breaker.open else "closed",
        "certify_from": posture.certify_from,
    }
    return Event(EventKind.ALARM, task, at, message, details)


def version_label_blocked_event(
    task: str, version: str, label: str, evidence: AlarmEvidence, at: int
) -> Event:
    """One label explained the alarm."""
    counts, own = evidence.counts, evidence.labels[label]
    message = (
        f"{task}: {version} answers `{label}` no more: on it {own.agreements} of {own.audits} audits agree, "
        f"and the other labels agree as promised"
    )
    details = {"version": version, "label": label, "audits": counts.audits, "agreements": counts.agreements}
    return Event(EventKind.LABEL_BLOCKED, task, at, message, details)


def transition_event(task: str, change: ServingChange, at: int) -> Event:
    """Versions went from one state to another."""
    said = "; ".join(f"{move.version} {_BECOMES[move.after]}: {move.reason}" for move in change.moves)
    details = {
        "moves": [msgspec.to_builtins(move) for move in change.moves],
        "breaker": "open" if change.posture.breaker.open else "closed",
    }
    return Event(_kind(change.moves[-1]), task, at, f"{task}: {said}", details)


def operator_event(kind: EventKind, what: str, task: str, reason: str, at: int) -> Event:
    """An operator's word that moves no version."""
    return Event(kind, task, at, f"{task}: {what}: {reason}", {"reason": reason})


def _kind(move: Transition) -> EventKind:
    if move.after is VersionStage.LIVE:
        restored = move.before in (VersionStage.RETIRED, VersionStage.ROLLED_BACK)
        return EventKind.ROLLBACK if restored else EventKind.PROMOTED
    if move.after is VersionStage.REFUSED:
        return EventKind.REFUSED
    return EventKind.ROLLBACK if move.after is VersionStage.ROLLED_BACK else EventKind.TRIAL
