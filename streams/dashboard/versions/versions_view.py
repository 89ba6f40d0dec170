"""Versions view: each version of a task with what its fit has promised and its audits have proven."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from models.certificate import Certificate
from models.manifest import Manifest
from schemas.config import Config
from streams.certify.status import CertificateStatus
from streams.status.expected_coverage import expected_coverage
from streams.tasks import threshold
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.serving_state import Candidate, ServingState

NO_TRIAL = Certificate()
_MOST_REFUSALS = 20
_AT_THE_GATE = (None, VersionStage.REFUSED)


class TargetPoint(Struct, frozen=True, array_like=True):
    """A target that passed the gate: `coverage` of the requests at `threshold`, agreement at least `low`."""

    target: float
    threshold: float
    coverage: float
    low: float


class VersionRow(Struct, frozen=True):
    """One version.

    Attributes:
        stage: of its newest transition; None where the history does not go back so far.
        at, by, reason: of its newest transition.
        kept: its files are there, so that it could answer again.
        parent: version that its fit started from.
        frontier: targets that passed the gate, lowest first.
        threshold, coverage: in force for it under the config of now; None where none passes.
        audits, agreements, proven: of its answers, by the teacher of now.
        trials: models that its fit tried.
    """

    version: str
    stage: VersionStage | None
    at: int | None = None
    by: str = ""
    reason: str = ""
    kept: bool = False
    parent: str | None = None
    made_at: int | None = None
    traces: int | None = None
    sampled: int | None = None
    surrogate: str = ""
    acceptor: str = ""
    accuracy: float | None = None
    delta: float | None = None
    frontier: Sequence[TargetPoint] = ()
    threshold: float | None = None
    coverage: float | None = None
    audits: int = 0
    agreements: int = 0
    proven: float | None = None
    certified: bool = False
    trials: Sequence[tuple[str, str, str]] = ()


class CandidateView(Struct, frozen=True):
    """The version on trial, or that waits for a person.

    Attributes:
        sentence: what it does now, and what it waits for.
        checked, agreements: answers on trial that the teacher has checked.
        needs: after how many the trial ends; 0 where it is no matter of counts.
    """

    version: str
    mode: VersionStage
    since: int
    sentence: str
    checked: int = 0
    agreements: int = 0
    needs: int = 0


class Refusal(Struct, frozen=True):
    """A version that did not go live: at the gate, by a battery, on trial, or by a person."""

    version: str
    at: int
    by: str
    reason: str


class VersionsView(Struct, frozen=True):
    """Attributes:
    rows: newest first.
    pinned: why nothing is promoted; empty where it is free.
    refusals: newest first.
    may_change: who looks may move them.
    """

    target: float
    aim: float
    rows: Sequence[VersionRow] = ()
    candidate: CandidateView | None = None
    pinned: str = ""
    refusals: Sequence[Refusal] = ()
    may_change: bool = False


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What Redis holds of a task's versions.

    Attributes:
        history: transitions, oldest first.
        kept: versions whose files are there, oldest first.
        manifests: of these, as far as they can be read.
        audits: of each version.
        trial: of the candidate.
    """

    state: ServingState
    history: Sequence[Transition]
    kept: Sequence[str] = ()
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    audits: Mapping[str, CertificateStatus] = field(default_factory=dict)
    trial: Certificate = NO_TRIAL


def versions_view(facts: VersionFacts, config: Config) -> VersionsView:
    newest = {move.version: move for move in facts.history}
    pin, candidate = facts.state.pin, facts.state.candidate
    # What the gate refused has no files, and its name goes to the next attempt.
    fitted = [name for name, move in newest.items() if (move.before, move.after) != _AT_THE_GATE]
    names = dict.fromkeys([*fitted, *facts.kept])
    rows = [_row(name, newest.get(name), facts, config) for name in names]
    rows.sort(key=lambda row: (row.made_at or row.at or 0, row.version), reverse=True)
    refused = [move for move in reversed(facts.history) if move.after is VersionStage.REFUSED]
    return VersionsView(
        target=config.target_agreement,
        aim=config.aim,
        rows=rows,
        candidate=None if candidate is None else _candidate(candidate, facts.trial, config),
        pinned="" if pin is None else f"{pin.reason} ({pin.by})",
        refusals=[_refusal(move) for move in refused[:_MOST_REFUSALS]],
    )


def _refusal(move: Transition) -> Refusal:
    """What the gate refused is no version: the next fit has that name."""
    is_attempt = (move.before, move.after) == _AT_THE_GATE
    name = f"attempt at {move.version}" if is_attempt else move.version
    return Refusal(name, move.at, move.by, move.reason)


def _row(name: str, move: Transition | None, facts: VersionFacts, config: Config) -> VersionRow:
    manifest, audits = facts.manifests.get(name), facts.audits.get(name, CertificateStatus())
    row = VersionRow(
        name,
        move.after if move else None,
        at=move.at if move else None,
        by=move.by if move else "",
        reason=move.reason if move else "",
        kept=name in facts.kept,
        audits=audits.audits,
        agreements=audits.agreements,
        proven=audits.bound or None,
        certified=audits.certified,
    )
    return row if manifest is None else _with_fit(row, manifest, config)


def _with_fit(row: VersionRow, manifest: Manifest, config: Config) -> VersionRow:
    points = [TargetPoint(one.target, one.threshold, one.coverage, one.low) for one in manifest.frontier]
    return replace(
        row,
        parent=manifest.parent,
        made_at=manifest.created_at,
        traces=manifest.traces,
        sampled=manifest.sampled,
        surrogate=manifest.surrogate,
        acceptor=manifest.acceptor,
        accuracy=manifest.accuracy,
        delta=manifest.delta,
        frontier=points,
        threshold=threshold(manifest, config),
        coverage=expected_coverage(manifest, config),
        trials=[(one.surrogate, one.acceptor, one.outcome) for one in manifest.trials],
    )


def _candidate(candidate: Candidate, trial: Certificate, config: Config) -> CandidateView:
    plan = candidate.plan
    if candidate.waits_for_approval:
        sentence = (
            "It waits for a person's approval, and is scored beside the live version; it answers nothing."
        )
    else:
        does = (
            f"It answers {plan.share:.0%} of the requests"
            if plan.mode is VersionStage.CANARY
            else "It is scored beside the live version, and answers nothing"
        )
        until = (
            f"{trial.audits:,} of {plan.needs:,} answers are checked"
            if plan.needs
            else "until the pin is lifted"
        )
        agreed = (
            f", of which {trial.agreements:,} agree; the target is {config.target_agreement:g}"
            if trial.audits
            else ""
        )
        sentence = f"{does}: {until}{agreed}."
    return CandidateView(
        candidate.version, plan.mode, candidate.since, sentence, trial.audits, trial.agreements, plan.needs
    )
