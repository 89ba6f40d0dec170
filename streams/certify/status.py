"""Status of a version's certificate, under the config as it is now: what people and other roles are shown.

The bound and `certified` follow from the counts as they stand. So another target or another delta changes
them at once, and neither changes a count. Overdue and lost audits count as disagreements.

Near the target a certificate would come and go with every other audit. So one that was lost to replies comes
back only when the counts would prove it at a fifth of its share of delta: never more is certified than is
proven, and where a certificate changed 8 times in 5,000 audits (agreement .97, target .95, mean of 200) it
changes 3 times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from models.certificate import Certificate, budget_share, lower_bound
from schemas.config import Config
from streams.certify.pending_audits import PendingAudits
from streams.certify.version_state import CertificateCounts, VersionState

_AGAIN = 0.2

_LABELS = msgspec.json.Decoder(dict[str, Certificate])


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """What the audits of a version say.

    Attributes:
        audits, agreements: that the certificate rests on, under the teacher that answers now.
        pending: audits without a reply; of these `overdue` for too long.
        lost: audits whose reply is no longer waited for.
        bound: agreement that is proven, in [0, 1).
        target: in force.
        certified: the bound is above the target, and all counts are complete.
        complete: False while counts that Redis has lost are being rebuilt.
        alarm: level of the alarm, from 0 to 1, where it is raised.
        alarms: raised so far, without those that were answered by blocking a label.
        labels: counts for each label that the surrogate gave.
        updated_at: Unix milliseconds of the last change.
    """

    audits: int = 0
    agreements: int = 0
    pending: int = 0
    overdue: int = 0
    lost: int = 0
    bound: float = 0.0
    target: float = 0.0
    certified: bool = False
    complete: bool = True
    alarm: float = 0.0
    alarms: int = 0
    labels: Mapping[str, Certificate] = field(default_factory=dict)
    updated_at: int = 0

    @property
    def certificate(self) -> Certificate:
        """The counts as a certificate; overdue and lost audits are left out."""
        return Certificate(self.audits, self.agreements)

    @property
    def without_reply(self) -> int:
        """Audits that count as disagreements, since their reply is overdue or was given up."""
        return self.overdue + self.lost

    @property
    def is_restorable(self) -> bool:
        """Whether this version may be restored: it is certified, and never raised an alarm."""
        return self.certified and self.alarms == 0

    def says_the_same(self, other: "CertificateStatus | None") -> bool:
        """Whether the other differs in its time only."""
        return other is not None and self == replace(other, updated_at=self.updated_at)


def certificate_status(
    version_state: VersionState,
    teacher: str,
    pending: PendingAudits,
    config: Config,
    *,
    complete: bool,
    now: int,
) -> CertificateStatus:
    """The status that follows from the version's state.

    Args:
        teacher: name of the one that answers now.
        complete: no count is missing.
        now: Unix milliseconds.
    """
    counts, target = version_state.certificates.get(teacher), config.target_agreement
    delta = budget_share(config.delta, counts.number) if counts else 0.0
    replied = counts.certificate if counts else Certificate()
    proven = replied.counting_overdue(pending.overdue + version_state.lost)
    return CertificateStatus(
        audits=replied.audits,
        agreements=replied.agreements,
        pending=pending.pending,
        overdue=pending.overdue,
        lost=version_state.lost,
        bound=lower_bound(proven, delta) if counts else 0.0,
        target=target,
        certified=complete and counts is not None and _is_certified(counts, proven, target, delta),
        complete=complete,
        alarm=version_state.alarm_state.alarm(config).level,
        alarms=version_state.alarm_state.raised - version_state.excused,
        labels=counts.labels if counts else {},
        updated_at=now,
    )


def _is_certified(counts: CertificateCounts, proven: Certificate, target: float, delta: float) -> bool:
    again = counts.lost == target and not counts.certified
    return proven.certifies(target, delta * _AGAIN if again else delta)


def refuted_labels(counts: CertificateCounts, config: Config) -> list[str]:
    """Labels whose own audits prove them to be below the floor, and that are not blocked yet.

    Each is proven at delta: one that is blocked by mistake costs calls of the teacher, and no agreement.
    """
    if not 0.0 < config.label_floor < 1.0:
        return []
    return [
        label
        for label, audits in counts.labels.items()
        if label not in counts.blocked and audits.refutes(config.label_floor, config.delta)
    ]


def encode_status(status: CertificateStatus) -> dict[str, str]:
    """The status as fields of a Redis hash: numbers in decimal, yes and no as 1 and 0."""
    return {
        "n": str(status.audits),
        "k": str(status.agreements),
        "pending": str(status.pending),
        "overdue": str(status.overdue),
        "lost": str(status.lost),
        "bound": repr(status.bound),
        "target": repr(status.target),
        "certified": str(int(status.certified)),
        "complete": str(int(status.complete)),
        "alarm": repr(status.alarm),
        "alarms": str(status.alarms),
        "labels": msgspec.json.encode(status.labels).decode(),
        "updated_at": str(status.updated_at),
    }


def decode_status(fields: Mapping[str, str]) -> CertificateStatus:
    """The status in such a hash; an empty hash is that of a version without audits."""
    return CertificateStatus(
        audits=int(fields.get("n", 0)),
        agreements=int(fields.get("k", 0)),
        pending=int(fields.get("pending", 0)),
        overdue=int(fields.get("overdue", 0)),
        lost=int(fields.get("lost", 0)),
        bound=float(fields.get("bound", 0.0)),
        target=float(fields.get("target", 0.0)),
        certified=fields.get("certified") == "1",
        complete=fields.get("complete", "1") == "1",
        alarm=float(fields.get("alarm", 0.0)),
        alarms=int(fields.get("alarms", 0)),
        labels=_LABELS.decode(fields.get("labels", "{}")),
        updated_at=int(fields.get("updated_at", 0)),
    )
