"""Status of a certificate, under the config as it is now: what people and other roles are shown.

The bound and `certified` follow from the counts as they stand. So another target or another delta changes
them at once, and neither changes a count.

A certificate must be valid, and it must be true still. Valid: it rests on all audits that were asked until
some moment, those without a reply as disagreements; of a few such moments the best is taken, and shown. True
still: the replies so far must prove the target as well, with the overdue and lost audits as disagreements. So
a fall is not hidden behind an older moment. The claim is about the average over the answers until the moment
that is shown, each weighted with the audit rate at its time.

Near the target a certificate would come and go with every other audit. So one that was lost to replies comes
back only when the counts would prove it at a fifth of its share of delta: never more is certified than is
proven, and where a certificate changed 8 times in 5,000 audits (agreement .97, target .95, mean of 200) it
changes 3 times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from models.certificate import Certificate, budget_share, lower_bound
from schemas.config import Config
from streams.certify.asking_order import Prefix, best_prefix, prefix_ends, prefixes
from streams.certify.pending_audits import PendingAudits
from streams.certify.service_state import ServiceCounts, ServiceState
from streams.certify.version_state import CertificateCounts, VersionState

_AGAIN = 0.2

_LABELS = msgspec.json.Decoder(dict[str, Certificate])
_NAMES = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """What the audits of a version say, or those of all versions together.

    Attributes:
        audits, agreements: replies so far, of the teacher that answers now.
        pending: audits without a reply; of these `overdue` for too long.
        lost: audits whose reply is no longer waited for.
        bound: agreement that is proven, in [0, 1).
        until: Unix milliseconds; the bound is about answers up to then. 0 where no audit was noted.
        proven_audits, proven_agreements: replies that it rests on, and `unanswered` audits as disagreements.
        target: in force.
        certified: the bound is above the target, all counts are complete, and no label is new.
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
    lost: int = 0
    bound: float = 0.0
    until: int = 0
    proven_audits: int = 0
    proven_agreements: int = 0
    unanswered: int = 0
    target: float = 0.0
    certified: bool = False
    new_labels: tuple[str, ...] = ()
    complete: bool = True
    alarm: float = 0.0
    alarms: int = 0
    drifting: bool = False
    labels: Mapping[str, Certificate] = field(default_factory=dict)
    updated_at: int = 0

    @property
    def certificate(self) -> Certificate:
        """The replies so far as a certificate."""
        return Certificate(self.audits, self.agreements)

    @property
    def proof(self) -> Prefix:
        """The prefix that the bound rests on."""
        return Prefix(self.until, Certificate(self.proven_audits, self.proven_agreements), self.unanswered)

    @property
    def without_reply(self) -> int:
        """Audits whose reply is overdue or was given up."""
        return self.overdue + self.lost

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


class _Proof(NamedTuple):
    """What counts prove.

    Attributes:
        prefix: the best one.
        so_far: the replies so far.
        delta: share of the error budget that they may spend.
        bound: agreement that both prove, in [0, 1).
    """

    prefix: Prefix
    so_far: Certificate
    delta: float
    bound: float

    def certifies(self, target: float, certified: bool, lost: float) -> bool:
        """Whether both prove the target.

        Args:
            certified: so far.
            lost: target for which replies have lost the certificate.
        """
        delta = self.delta * _AGAIN if lost == target and not certified else self.delta
        return self.prefix.counts.certifies(target, delta) and self.so_far.certifies(target, delta)


def certificate_status(
    version_state: VersionState,
    teacher: str,
    pending: PendingAudits,
    config: Config,
    *,
    complete: bool,
    now: int,
) -> CertificateStatus:
    """The status of a version that follows from its state.

    Args:
        teacher: name of the one that answers now.
        complete: no count is missing.
        now: Unix milliseconds.
    """
    replies, target = version_state.replies(teacher), config.target_agreement
    status = CertificateStatus(
        audits=replies.audits,
        agreements=replies.agreements,
        pending=pending.pending,
        overdue=pending.overdue,
        lost=version_state.lost,
        target=target,
        complete=complete,
        alarm=version_state.alarm_state.alarm(config).level,
        alarms=version_state.alarm_state.raised - version_state.excused,
        drifting=config.deferral_drift and version_state.deferrals.asks_for_audits,
        updated_at=now,
    )
    counts = version_state.certificates.get(teacher)
    if counts is None:
        return status
    ends = _prefix_ends(config, now)
    proof = _best_proof(
        [*_prefixes(version_state, counts, pending, ends, now), *_last_proof(counts, ends)],
        replies.counting_unanswered(status.without_reply),
        budget_share(config.delta, counts.number),
    )
    certified = complete and proof.certifies(target, counts.certified, counts.lost)
    return replace(_with_proof(status, proof, version_state.asked_at, certified), labels=counts.labels)


def service_status(
    service: ServiceState, teacher: str, config: Config, *, complete: bool, now: int
) -> CertificateStatus:
    """The status of the service's certificate, which spends the whole delta; arguments as for a version."""
    counts, target = service.counts(teacher), config.target_agreement
    ends = _prefix_ends(config, now)
    candidates = service.prefixes(teacher, ends, now)
    pending, overdue = candidates[0].unanswered, candidates[-1].unanswered
    proof = _best_proof(
        [*candidates, *_last_proof(counts, ends)],
        counts.certificate.counting_unanswered(overdue),
        config.delta,
    )
    status = CertificateStatus(
        audits=counts.audits,
        agreements=counts.agreements,
        pending=pending,
        overdue=overdue,
        target=target,
        complete=complete,
        updated_at=now,
    )
    certified = complete and proof.certifies(target, counts.certified, counts.lost)
    return _with_proof(status, proof, service.asked_at, certified)


def _best_proof(candidates: Sequence[Prefix], so_far: Certificate, delta: float) -> _Proof:
    prefix, bound = best_prefix(candidates, delta)
    proves_as_much = bound > 0.0 and so_far.certifies(bound, delta)
    return _Proof(prefix, so_far, delta, bound if proves_as_much else min(bound, lower_bound(so_far, delta)))


def _prefix_ends(config: Config, now: int) -> tuple[int, ...]:
    return prefix_ends(now, round(config.audit_overdue * 1000))


def _last_proof(counts: CertificateCounts | ServiceCounts, ends: tuple[int, ...]) -> list[Prefix]:
    """The prefix that has certified last, unless it is older than all others, which end at `ends`."""
    return [counts.proof] if counts.proof is not None and counts.proof.until >= ends[-1] else []


def _prefixes(
    version_state: VersionState,
    counts: CertificateCounts,
    pending: PendingAudits,
    ends: tuple[int, ...],
    now: int,
) -> list[Prefix]:
    """The version's prefixes. Audits of unknown age have no reply in any of them."""
    waiting = version_state.waiting
    ageless = max(0, pending.pending - sum(waiting.values())) + version_state.lost
    found = prefixes(counts.certificate, counts.recent, waiting, ends, now)
    return [one._replace(unanswered=one.unanswered + ageless) for one in found]


def _with_proof(
    status: CertificateStatus, proof: _Proof, asked_at: int, certified: bool
) -> CertificateStatus:
    prefix = proof.prefix
    return replace(
        status,
        bound=proof.bound,
        until=min(prefix.until, asked_at),
        proven_audits=prefix.replied.audits,
        proven_agreements=prefix.replied.agreements,
        unanswered=prefix.unanswered,
        certified=certified,
    )


def refuted_labels(counts: CertificateCounts, config: Config) -> list[str]:
    """Labels whose own replies so far prove them to be below the floor, and that are not blocked yet.

    Each label is tested at delta: one that is blocked by mistake costs calls of the teacher, and no
    agreement.
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
        "until": str(status.until),
        "proven_n": str(status.proven_audits),
        "proven_k": str(status.proven_agreements),
        "unanswered": str(status.unanswered),
        "target": repr(status.target),
        "certified": str(int(status.certified)),
        "new_labels": msgspec.json.encode(status.new_labels).decode(),
        "complete": str(int(status.complete)),
        "alarm": repr(status.alarm),
        "alarms": str(status.alarms),
        "drifting": str(int(status.drifting)),
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
        until=int(fields.get("until", 0)),
        proven_audits=int(fields.get("proven_n", 0)),
        proven_agreements=int(fields.get("proven_k", 0)),
        unanswered=int(fields.get("unanswered", 0)),
        target=float(fields.get("target", 0.0)),
        certified=fields.get("certified") == "1",
        new_labels=_NAMES.decode(fields.get("new_labels", "[]")),
        complete=fields.get("complete", "1") == "1",
        alarm=float(fields.get("alarm", 0.0)),
        alarms=int(fields.get("alarms", 0)),
        drifting=fields.get("drifting") == "1",
        labels=_LABELS.decode(fields.get("labels", "{}")),
        updated_at=int(fields.get("updated_at", 0)),
    )
