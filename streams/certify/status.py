"""Status of a certificate: what people and other roles are shown of it, and how Redis keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from models.certificate import Certificate
from streams.certify.asking_order import Prefix

_LABELS = msgspec.json.Decoder(dict[str, Certificate])
_NAMES = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """What the audits of a version say, or those of all versions together.

    Attributes:
        audits, agreements: replies so far, of the teacher that answers now.
        pending: audits without a reply; of these `overdue` for too long, and `silent` where the teacher has
            passed them by and the alarm has taken them.
        failed: audits on which the teacher has failed.
        lost: audits whose label is no longer waited for.
        bound: agreement that is proven, in [0, 1).
        until: Unix milliseconds; the bound is about answers up to then. 0 where no audit was noted.
        proven_audits, proven_agreements: replies that it rests on, and `unanswered` audits as disagreements.
        target: in force.
        level: probability of error at which the target has to be proven now; 0 before the first audit.
        certified: the bound is above the target, all counts are complete, and no label is new.
        suspended: why nothing is certified, where the labels alone prove the target; empty elsewhere.
        new_labels: labels that the live version can't know, or the one that this is about; the claim is
            suspended until a refit has learned them.
        complete: False while counts that Redis has lost are being rebuilt.
        alarm: level of the alarm, from 0 to 1, where it is raised.
        alarms: raised so far, without those that were answered by blocking a label.
        drifting: deferred requests agree less than expected, and few audits were made since.
        labels: counts for each label that the surrogate gave.
        updated_at: Unix milliseconds of the last change.
    """

    audits: int = 0
    agreements: int = 0
    pending: int = 0
    overdue: int = 0
    silent: int = 0
    failed: int = 0
    lost: int = 0
    bound: float = 0.0
    until: int = 0
    proven_audits: int = 0
    proven_agreements: int = 0
    unanswered: int = 0
    target: float = 0.0
    certified: bool = False
    suspended: str = ""
    new_labels: tuple[str, ...] = ()
    complete: bool = True
    alarm: float = 0.0
    alarms: int = 0
    drifting: bool = False
    labels: Mapping[str, Certificate] = field(default_factory=dict)
    updated_at: int = 0
    level: float = 0.0

    @property
    def certificate(self) -> Certificate:
        """The replies so far as a certificate."""
        return Certificate(self.audits, self.agreements)

    @property
    def proof(self) -> Prefix:
        """The prefix that the bound rests on."""
        return Prefix(self.until, Certificate(self.proven_audits, self.proven_agreements), self.unanswered)

    @property
    def without_label(self) -> int:
        """Audits that count against the claim: overdue, failed or given up."""
        return self.overdue + self.failed + self.lost

    @property
    def asked(self) -> int:
        """Audits that the teacher was asked for so far."""
        return self.audits + self.pending + self.failed + self.lost

    @property
    def is_restorable(self) -> bool:
        """Whether this version may be restored: it is certified, and never raised an alarm."""
        return self.certified and self.alarms == 0

    def suspended_by(self, new_labels: tuple[str, ...]) -> "CertificateStatus":
        """The status where these labels can't be known: without a claim if there are any."""
        return replace(self, certified=self.certified and not new_labels, new_labels=new_labels)

    def says_the_same(self, other: "CertificateStatus | None") -> bool:
        """Whether the other differs in its time only."""
        return other is not None and self == replace(other, updated_at=self.updated_at)


def encode_status(status: CertificateStatus) -> dict[str, str]:
    """The status as fields of a Redis hash: numbers in decimal, yes and no as 1 and 0."""
    return {
        "n": str(status.audits),
        "k": str(status.agreements),
        "pending": str(status.pending),
        "overdue": str(status.overdue),
        "silent": str(status.silent),
        "failed": str(status.failed),
        "lost": str(status.lost),
        "bound": repr(status.bound),
        "until": str(status.until),
        "proven_n": str(status.proven_audits),
        "proven_k": str(status.proven_agreements),
        "unanswered": str(status.unanswered),
        "target": repr(status.target),
        "certified": str(int(status.certified)),
        "suspended": status.suspended,
        "new_labels": msgspec.json.encode(status.new_labels).decode(),
        "complete": str(int(status.complete)),
        "alarm": repr(status.alarm),
        "alarms": str(status.alarms),
        "drifting": str(int(status.drifting)),
        "labels": msgspec.json.encode(status.labels).decode(),
        "updated_at": str(status.updated_at),
        "level": repr(status.level),
    }


FIELDS = tuple(encode_status(CertificateStatus()))
"""Of such a hash."""


def decode_status(fields: Mapping[str, str]) -> CertificateStatus:
    """The status in such a hash; an empty hash is that of a version without audits."""
    return CertificateStatus(
        audits=int(fields.get("n", 0)),
        agreements=int(fields.get("k", 0)),
        pending=int(fields.get("pending", 0)),
        overdue=int(fields.get("overdue", 0)),
        silent=int(fields.get("silent", 0)),
        failed=int(fields.get("failed", 0)),
        lost=int(fields.get("lost", 0)),
        bound=float(fields.get("bound", 0.0)),
        until=int(fields.get("until", 0)),
        proven_audits=int(fields.get("proven_n", 0)),
        proven_agreements=int(fields.get("proven_k", 0)),
        unanswered=int(fields.get("unanswered", 0)),
        target=float(fields.get("target", 0.0)),
        certified=fields.get("certified") == "1",
        suspended=fields.get("suspended", ""),
        new_labels=_NAMES.decode(fields.get("new_labels", "[]")),
        complete=fields.get("complete", "1") == "1",
        alarm=float(fields.get("alarm", 0.0)),
        alarms=int(fields.get("alarms", 0)),
        drifting=fields.get("drifting") == "1",
        labels=_LABELS.decode(fields.get("labels", "{}")),
        updated_at=int(fields.get("updated_at", 0)),
        level=float(fields.get("level", 0.0)),
    )
