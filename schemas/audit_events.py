"""Details of events about audits: certificates, alarms, blocked labels, drift."""

from typing import Literal

from schemas.event import EventDetails, EventKind
from schemas.messages import Milliseconds
from schemas.version_events import BreakerState


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
        version: that was stopped.
        target: agreement that it was to have.
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
        version: whose answers were to be checked.
        failed: audits that have an error instead of a label now.
        audits: that were asked for.
        error: of the newest of them.
    """

    kind = EventKind.AUDITS_FAILED
    version: str
    failed: int
    audits: int
    error: str


class _CertificateDetails(EventDetails, frozen=True):
    """What events say of a version's certificate.

    Attributes:
        version: whose answers they are.
        audits, agreements: that the certificate rests on.
        overdue: audits without a label among those asked until then, which count as disagreements.
        bound: agreement that is proven: of the version's answers so far, each weighted with the audit rate
            at its time. While that rate is constant, it is the plain average.
        target: agreement that is to be proven.
        until: the proof is about answers up to then; 0 where that is not known.
        failed: audits so far to which the teacher gave an error.
        suspended: why the claim is suspended; null where it is not.
    """

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
    """The audits of a version prove the target; `suspended` is null."""

    kind = EventKind.CERTIFIED


class CertificateLostDetails(_CertificateDetails, frozen=True):
    """The audits of a version no longer prove the target; the keys are those of `certified`.

    Attributes:
        suspended: why, where the replies prove the target, and only audits without a label prevent the claim;
            else null.
    """

    kind = EventKind.CERTIFICATE_LOST


class _ServiceCertificateDetails(EventDetails, frozen=True):
    """What events say of the certificate of all versions together.

    Attributes:
        audits, agreements: that the certificate rests on, of all versions through all refits.
        overdue: audits without a label among those asked until then, which count as disagreements.
        bound: agreement that is proven: of all answers so far, each weighted with the audit rate at its time.
        target: agreement that is to be proven.
        until: the proof is about answers up to then; 0 where that is not known.
        failed: audits so far to which the teacher gave an error.
        suspended: why the claim is suspended; null where it is not.
    """

    audits: int
    agreements: int
    overdue: int
    bound: float
    target: float
    until: Milliseconds = 0
    failed: int = 0
    suspended: str | None = None


class ServiceCertifiedDetails(_ServiceCertificateDetails, frozen=True):
    """The audits of all versions together prove the target, under the teacher that answers now."""

    kind = EventKind.SERVICE_CERTIFIED


class ServiceCertificateLostDetails(_ServiceCertificateDetails, frozen=True):
    """The audits of all versions no longer prove the target; the keys are those of `service_certified`."""

    kind = EventKind.SERVICE_CERTIFICATE_LOST


class LabelBlockedDetails(EventDetails, frozen=True):
    """A version no longer answers with one label.

    Its audits prove its agreement to be below the floor; or, where the cause is an alarm, its audits since
    the suspicion began are so far below the floor that they explain the alarm. That is no proof at level
    delta, since the same audits chose the moment.

    Attributes:
        version: that no longer answers with it.
        label: the one that is blocked.
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
