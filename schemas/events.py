"""Events for operators: one `EventKind`, and for each kind one Struct with the keys of its `details`.

The Struct of a kind, and nothing else, makes its events: `PinnedDetails(reason).event(task, at, text)`.
So all events of a kind carry the same keys, whichever role emits them; a key that does not apply holds null.
`PinnedDetails.of(event)` reads them back. Times are Unix milliseconds; shares and agreements are in [0, 1].
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import msgspec
from msgspec import Struct

from schemas.config import Config, Override
from schemas.errors import InvalidMessage
from schemas.messages import Milliseconds
from schemas.urls import masked_url, masked_values

BreakerState = Literal["open", "closed"]


class EventKind(StrEnum):
    REFIT = "refit"
    PROMOTED = "promoted"
    REFUSED = "refused"
    PROMISE_MISSED = "promise_missed"
    ALARM = "alarm"
    AUDITS_FAILED = "audits_failed"
    ROLLBACK = "rollback"
    CERTIFIED = "certified"
    CERTIFICATE_LOST = "certificate_lost"
    SERVICE_CERTIFIED = "service_certified"
    SERVICE_CERTIFICATE_LOST = "service_certificate_lost"
    TEACHER_CHANGED = "teacher_changed"
    TEACHER_UNSTEADY = "teacher_unsteady"
    DRIFT = "drift"
    LABEL_BLOCKED = "label_blocked"
    LABELS_CHANGED = "labels_changed"
    LABELS_CAPPED = "labels_capped"
    TRIAL = "trial"
    BREAKER_CLOSED = "breaker_closed"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    BACKLOG_AT_RISK = "backlog_at_risk"
    SPENDING = "spending"
    REPLIES_UNREADABLE = "replies_unreadable"
    REPLIES_READABLE = "replies_readable"
    CONFIG_APPLIED = "config_applied"
    CONFIG_REJECTED = "config_rejected"


class Event(Struct, frozen=True):
    """Something that an operator may want to know. Topic `events`.

    Attributes:
        task: or `*` for an event about the config of all tasks.
        message: one sentence for people.
        details: the same for programs; the kind fixes the keys (`DETAILS`).
    """

    kind: EventKind
    task: str
    at: Milliseconds
    message: str
    details: Mapping[str, Any] = msgspec.field(default_factory=dict)


class EventDetails(Struct, frozen=True):
    """The details of one kind of event."""

    kind: ClassVar[EventKind]

    def event(self, task: str, at: int, message: str) -> Event:
        """The event with these details.

        Args:
            message: one sentence for people.
        """
        return Event(self.kind, task, at, message, msgspec.to_builtins(self))

    @classmethod
    def of(cls, event: Event) -> Self:
        """The details of an event that was read from the topic.

        Raises:
            InvalidMessage: the event is of another kind, or lacks a key, as one of an earlier release may.
        """
        if event.kind is not cls.kind:
            raise InvalidMessage(f"Event: its kind is `{event.kind}`, and `{cls.kind}` was expected")
        try:
            return msgspec.convert(event.details, cls)
        except msgspec.ValidationError as error:
            raise InvalidMessage(f"Event: details of `{cls.kind}`: {error}") from error


class RefitDetails(EventDetails, frozen=True):
    """A refit has started.

    Attributes:
        version: that is being fitted.
        traces: that it is fitted on; `newest` is the time of the newest reply among them, 0 without any.
    """

    kind = EventKind.REFIT
    version: str
    traces: int
    newest: Milliseconds


class VersionMove(Struct, frozen=True):
    """A version went from one stage of its life to another.

    Attributes:
        before: `refused`, `shadow`, `canary`, `live`, `retired`, `rolled_back`; null for a new version.
        after: one of the same.
        by: the role, or `operator`.
        reason: for people.
    """

    version: str
    before: str | None
    after: str
    at: Milliseconds
    by: str
    reason: str


class PromotedDetails(EventDetails, frozen=True):
    """A version went live: after its fit, after its trial, or by an operator's command.

    Attributes:
        version: that answers now.
        moves: all that changed with it, in order; the last is its own.
        breaker: after the change.
        traces: of the fit; with `accuracy`, `seconds` and `coverage` null where it was fitted earlier.
        accuracy: share of all traces on which its out-of-fold guess equals the teacher's label.
        seconds: that the fit took.
        coverage: expected share of requests that it answers, by target agreement.
    """

    kind = EventKind.PROMOTED
    version: str
    moves: tuple[VersionMove, ...]
    breaker: BreakerState
    traces: int | None = None
    accuracy: float | None = None
    seconds: float | None = None
    coverage: dict[str, float] | None = None


class RefusedDetails(EventDetails, frozen=True):
    """A version does not go live: its fit failed, the offline gate refused it, or its shadow trial failed."""

    kind = EventKind.REFUSED
    version: str
    reasons: tuple[str, ...]


class PromiseMissedDetails(EventDetails, frozen=True):
    """The audits of all answers since a version began prove that they agree less than is promised.

    Attributes:
        version: the first of those that have answered since then.
        audits, agreements: of all answers since then.
        high: agreement that they prove not to be exceeded.
        target: agreement that was promised.
        certify_from: until answers are good again, older traces certify no version.
    """

    kind = EventKind.PROMISE_MISSED
    version: str
    audits: int
    agreements: int
    high: float
    target: float
    certify_from: Milliseconds


class AlarmDetails(EventDetails, frozen=True):
    """A version was stopped, since the teacher's agreement with it is below the target now.

    Attributes:
        cause: `agreement`; `silence` where too many of its audits have no label (`alarm_silence`): then it
            may agree as often as before, and nobody knows.
        unanswered: audits without a label since the suspicion began, where the cause is `silence`; else 0.
        audits, agreements: of the certificate's whole life.
        recent_audits, recent_agreements: since the suspicion began; where that is not known, as above.
        restored: the version that answers in its place; null where none does.
        breaker: after the change.
        certify_from: older traces do not calibrate what is fitted next.
    """

    kind = EventKind.ALARM
    version: str
    audits: int
    agreements: int
    recent_audits: int
    recent_agreements: int
    target: float
    restored: str | None
    breaker: BreakerState
    certify_from: Milliseconds
    cause: Literal["agreement", "silence"] = "agreement"
    unanswered: int = 0


class AuditsFailedDetails(EventDetails, frozen=True):
    """The teacher has failed on audits of a version: emitted for the first, the tenth, the hundredth, ...

    Attributes:
        failed: audits that have an error instead of a label now, of the `audits` that were asked for.
        error: of the newest of them.
    """

    kind = EventKind.AUDITS_FAILED
    version: str
    failed: int
    audits: int
    error: str


class RollbackDetails(EventDetails, frozen=True):
    """An earlier version was restored, or a canary was taken back.

    Attributes:
        restored: the version that was restored; null where a canary was taken back.
        moves: all that changed, in order.
        breaker: after the change.
    """

    kind = EventKind.ROLLBACK
    restored: str | None
    moves: tuple[VersionMove, ...]
    breaker: BreakerState


class _CertificateDetails(EventDetails, frozen=True):
    version: str
    audits: int
    agreements: int
    overdue: int
    bound: float
    target: float
    until: Milliseconds = 0
    failed: int = 0
    suspended: str | None = None


class CertifiedDetails(_CertificateDetails, frozen=True):
    """The audits of a version prove the target.

    Attributes:
        audits, agreements: that the certificate rests on.
        overdue: audits without a label among those asked until then, which count as disagreements.
        bound: agreement that is proven: of the version's answers so far, each weighted with the audit rate
            at its time. While that rate is constant, it is the plain average.
        until: the proof is about answers up to then; 0 where that is not known.
        failed: audits so far to which the teacher gave an error.
        suspended: null.
    """

    kind = EventKind.CERTIFIED


class CertificateLostDetails(_CertificateDetails, frozen=True):
    """The audits of a version no longer prove the target; the keys are those of `certified`.

    Attributes:
        suspended: why, where the replies prove the target, and only audits without a label prevent the claim;
            else null.
    """

    kind = EventKind.CERTIFICATE_LOST


class _ServiceCertificateDetails(EventDetails, frozen=True):
    audits: int
    agreements: int
    overdue: int
    bound: float
    target: float
    until: Milliseconds = 0
    failed: int = 0
    suspended: str | None = None


class ServiceCertifiedDetails(_ServiceCertificateDetails, frozen=True):
    """The audits of all versions together prove the target, under the teacher that answers now.

    Attributes:
        audits, agreements, overdue, until: as for `certified`, of all versions through all refits.
        bound: agreement that is proven: of all answers so far, each weighted with the audit rate at its time.
    """

    kind = EventKind.SERVICE_CERTIFIED


class ServiceCertificateLostDetails(_ServiceCertificateDetails, frozen=True):
    """The audits of all versions no longer prove the target; the keys are those of `service_certified`."""

    kind = EventKind.SERVICE_CERTIFICATE_LOST


class TeacherChangedDetails(EventDetails, frozen=True):
    """The teacher's model or prompt has changed, so new certificates begin.

    Attributes:
        prompt: hash of the prompt template and label set.
        since: time of the new teacher's first reply.
    """

    kind = EventKind.TEACHER_CHANGED
    model: str
    prompt: str
    since: Milliseconds
    model_before: str
    prompt_before: str


class TeacherUnsteadyDetails(EventDetails, frozen=True):
    """The teacher contradicts itself so often that a surrogate which answers everything misses the target.

    Attributes:
        asked: requests that the teacher was asked about twice; on `same` of them it gave the same label.
        ceiling: agreement that no surrogate which answers everything can exceed.
    """

    kind = EventKind.TEACHER_UNSTEADY
    asked: int
    same: int
    ceiling: float
    target: float


class DriftDetails(EventDetails, frozen=True):
    """Requests no longer look like the training traces, or the teacher no longer agrees as scores say.

    Attributes:
        version: that scored them.
        requests: in the window, the first of them at `since`.
        signals: `scores`, `novelty`, `labels`, `coverage`, `deferrals`: the chance of such a difference
            without drift, at most. `deferrals` is about deferred requests alone, since the teacher began to
            agree with fewer of their guesses than expected.
        refit: whether a refit was requested.
    """

    kind = EventKind.DRIFT
    version: str
    requests: int
    since: Milliseconds
    signals: dict[str, float]
    refit: bool


class LabelBlockedDetails(EventDetails, frozen=True):
    """A version no longer answers with one label.

    Its audits prove its agreement to be below the floor; or, where the cause is an alarm, its audits since
    the suspicion began are so far below the floor that they explain the alarm. That is no proof at level
    delta, since the same audits chose the moment.

    Attributes:
        cause: `alarm` where the label explains an alarm of the version, `floor` otherwise.
        label_audits, label_agreements: of answers with this label; since `since` where that is known.
        version_audits, version_agreements: of all labels, in the certificate's whole life.
        floor: the config's `label_floor`.
        since: time at which the suspicion began, where the cause is an alarm and that is known; else null.
    """

    kind = EventKind.LABEL_BLOCKED
    version: str
    label: str
    cause: Literal["floor", "alarm"]
    label_audits: int
    label_agreements: int
    version_audits: int
    version_agreements: int
    floor: float
    since: Milliseconds | None = None


class LabelsChangedDetails(EventDetails, frozen=True):
    """The teacher's labels have changed.

    Attributes:
        added: labels that may be given from now on. For those that the live version can't know, the claim is
            suspended until a refit has seen them.
        removed: labels that may not be given any more.
        renamed: new names by old ones.
        label_added: the config's setting: `audit` or `defer`.
    """

    kind = EventKind.LABELS_CHANGED
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: dict[str, str]
    label_added: str


class LabelsCappedDetails(EventDetails, frozen=True):
    """The teacher of a task without a label set has given a label too many; emitted once a day at most.

    Attributes:
        label: the one that was refused.
        most_labels: the config's setting.
    """

    kind = EventKind.LABELS_CAPPED
    label: str
    most_labels: int


class TrialDetails(EventDetails, frozen=True):
    """A version that passed the offline gate is on trial.

    Attributes:
        state: `shadow` or `canary`.
        share: of the requests that a canary answers.
        needs: checked answers that the trial takes; 0 where it lasts until the pin is lifted.
    """

    kind = EventKind.TRIAL
    version: str
    state: str
    share: float
    needs: int


class BreakerClosedDetails(EventDetails, frozen=True):
    """An operator has closed the breaker."""

    kind = EventKind.BREAKER_CLOSED
    reason: str


class PinnedDetails(EventDetails, frozen=True):
    """An operator has pinned the task: no version is promoted."""

    kind = EventKind.PINNED
    reason: str


class UnpinnedDetails(EventDetails, frozen=True):
    """An operator has lifted the pin."""

    kind = EventKind.UNPINNED
    reason: str


class BacklogAtRiskDetails(EventDetails, frozen=True):
    """The oldest deferral that waits for the teacher will be deleted by Kafka before it is answered.

    Attributes:
        topic: that holds it: of deferrals, or of audits.
        unread: messages of the topic that the teacher has not finished.
        waiting_since: when the oldest was written.
        deleted_from: from then on the broker may delete it.
    """

    kind = EventKind.BACKLOG_AT_RISK
    topic: str
    unread: int
    waiting_since: Milliseconds
    deleted_from: Milliseconds


class SpendingDetails(EventDetails, frozen=True):
    """A share of a day's limit on the teacher's calls is spent; told once a day for each limit and share.

    The event's task is `*` where the limit is that of all tasks together.

    Attributes:
        limit: its name in `teacher.limits`.
        level: share that is reached: .5, .8 or 1.
        spent: today so far, in calls, tokens or money.
        allowed: in a day.
    """

    kind = EventKind.SPENDING
    limit: str
    level: float
    spent: float
    allowed: float


class RepliesUnreadableDetails(EventDetails, frozen=True):
    """A tenth or more of an LLM's newest replies to apps say no label, so no trace holds their requests.

    Each gateway tells it of its own replies, at most once an hour.

    Attributes:
        unread: replies without a label, of the newest `replies` to calls that asked for one.
    """

    kind = EventKind.REPLIES_UNREADABLE
    unread: int
    replies: int


class RepliesReadableDetails(EventDetails, frozen=True):
    """After `replies_unreadable`, nearly all replies say a label again; the keys are the same."""

    kind = EventKind.REPLIES_READABLE
    unread: int
    replies: int


class ConfigRejectedDetails(EventDetails, frozen=True):
    """A config message changes nothing; `problems` holds a sentence for each problem in it."""

    kind = EventKind.CONFIG_REJECTED
    problems: tuple[str, ...]


def config_applied_event(task: str, at: int, message: str, override: Override) -> Event:
    """A config message was applied. Its details are the fields that the message sets; null: the default.

    Secrets in URLs are masked.
    """
    return Event(EventKind.CONFIG_APPLIED, task, at, masked_url(message), masked_values(override))


_STRUCTS: tuple[type[EventDetails], ...] = (
    RefitDetails,
    PromotedDetails,
    RefusedDetails,
    PromiseMissedDetails,
    AlarmDetails,
    AuditsFailedDetails,
    RollbackDetails,
    CertifiedDetails,
    CertificateLostDetails,
    ServiceCertifiedDetails,
    ServiceCertificateLostDetails,
    TeacherChangedDetails,
    TeacherUnsteadyDetails,
    DriftDetails,
    LabelBlockedDetails,
    LabelsChangedDetails,
    LabelsCappedDetails,
    TrialDetails,
    BreakerClosedDetails,
    PinnedDetails,
    UnpinnedDetails,
    BacklogAtRiskDetails,
    SpendingDetails,
    RepliesUnreadableDetails,
    RepliesReadableDetails,
    ConfigRejectedDetails,
)

DETAILS: Mapping[EventKind, type[Struct]] = MappingProxyType(
    {**{details.kind: details for details in _STRUCTS}, EventKind.CONFIG_APPLIED: Config}
)
"""What `details` holds, by kind. Those of `config_applied` are the fields of `Config` that a message sets."""
