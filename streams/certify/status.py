"""What a version's ledger says of it, under the config as it is now: what people and other roles are shown.

The bound and the claim follow from the counts as they stand. So another target or another delta changes them
at once, and neither changes a count. Overdue and lost audits count as disagreements.

Near the target a claim would come and go with every other audit. So one that was lost to replies is made
again only when the counts would prove it at a fifth of its share of delta: never more is claimed than is
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
    """Attributes:
    audits, agreements: that the certificate rests on, under the teacher that answers now.
    pending: audits whose reply is awaited; of these `overdue` for too long.
    lost: audits that are no longer waited for.
    bound: agreement that is proven, in [0, 1).
    target: in force.
    certified: whether the bound clears it; False while what was counted is not complete.
    complete: False while counts that Redis has lost are being read again.
    alarm: level of the alarm, from 0 to 1, where it is raised.
    alarms: raised so far; those that were answered by blocking a label are left out.
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
        return Certificate(self.audits, self.agreements)

    @property
    def without_reply(self) -> int:
        """Audits that count as disagreements, since their reply is overdue or was given up."""
        return self.overdue + self.lost

    @property
    def is_restorable(self) -> bool:
        """Whether this version may be returned to: it is certified, and never gave an alarm."""
        return self.certified and self.alarms == 0

    def says_the_same(self, other: "CertificateStatus | None") -> bool:
        """Whether the other differs in its time only."""
        return other is not None and self == replace(other, updated_at=self.updated_at)


def certificate_status(
    ledger: VersionState, teacher: str, awaited: PendingAudits, config: Config, *, complete: bool, now: int
) -> CertificateStatus:
    """What the ledger says.

    Args:
        teacher: that answers now.
        complete: nothing that should be counted is missing.
        now: Unix milliseconds.
    """
    tally = ledger.tallies.get(teacher)
    delta = budget_share(config.delta, tally.number) if tally else 0.0
    counts = tally.certificate if tally else Certificate()
    surely = counts.counting_overdue(awaited.overdue + ledger.lost)
    return CertificateStatus(
        audits=counts.audits,
        agreements=counts.agreements,
        pending=awaited.pending,
        overdue=awaited.overdue,
        lost=ledger.lost,
        bound=lower_bound(surely, delta) if tally else 0.0,
        target=config.target_agreement,
        certified=complete and tally is not None and _claims(tally, surely, config.target_agreement, delta),
        complete=complete,
        alarm=ledger.suspicion.alarm(config).level,
        alarms=ledger.suspicion.raised - ledger.excused,
        labels=tally.labels if tally else {},
        updated_at=now,
    )


def _claims(tally: CertificateCounts, counts: Certificate, target: float, delta: float) -> bool:
    again = tally.lost == target and not tally.certified
    return counts.certifies(target, delta * _AGAIN if again else delta)


def refuted_labels(tally: CertificateCounts, config: Config) -> list[str]:
    """Labels whose own audits prove them to be below the floor, and that are not blocked yet.

    Each is proven at delta: one that is blocked by mistake costs calls of the teacher, and no agreement.
    """
    return [
        label
        for label, counts in tally.labels.items()
        if label not in tally.blocked
        and 0.0 < config.label_floor < 1.0
        and counts.refutes(config.label_floor, config.delta)
    ]


def encode_status(finding: CertificateStatus) -> dict[str, str]:
    """The finding as fields of a hash: numbers as numbers, yes and no as 1 and 0."""
    return {
        "n": str(finding.audits),
        "k": str(finding.agreements),
        "pending": str(finding.pending),
        "overdue": str(finding.overdue),
        "lost": str(finding.lost),
        "bound": repr(finding.bound),
        "target": repr(finding.target),
        "certified": str(int(finding.certified)),
        "complete": str(int(finding.complete)),
        "alarm": repr(finding.alarm),
        "alarms": str(finding.alarms),
        "labels": msgspec.json.encode(finding.labels).decode(),
        "updated_at": str(finding.updated_at),
    }


def decode_status(fields: Mapping[str, str]) -> CertificateStatus:
    """The finding in such a hash; of an empty one, that of a version without audits."""
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
