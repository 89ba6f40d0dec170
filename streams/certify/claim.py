"""Claim of a certificate, under the config as it is now: what the counts of a version, or of all, prove.

The bound and `certified` follow from the counts as they stand. So another target or another delta changes
them at once, and neither changes a count.

A certificate must be valid, and it must be true still. Valid: it rests on all audits that were asked until
some moment, those without a label as disagreements; of a few such moments the best is taken, and shown. True
still: the labels so far must prove the target as well, with the overdue, failed and lost audits as
disagreements. So a fall is not hidden behind an older moment, and a teacher that fails just where the
surrogate is wrong certifies nothing. Where the labels alone would prove the target, the claim is *suspended*:
audits without a label prevent it, and it comes back with their replies, or with so many later ones that these
carry it with all of the others counted against it. The claim is about the average over the answers until the
moment that is shown, each weighted with the audit rate at its time.

Near the target a certificate would come and go with every other audit. So one that was lost to replies comes
back only when the counts would prove it at a fifth of its share of delta: never more is certified than is
proven, and where a certificate changed 8 times in 5,000 audits (agreement .97, target .95, mean of 200) it
changes 3 times.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from models.certificate import Certificate, budget_share, lower_bound
from schemas.config import Config
from streams.certify.asking_order import Prefix, best_prefix, prefix_ends, prefixes, without_label
from streams.certify.pending_audits import PendingAudits
from streams.certify.service_state import ServiceCounts, ServiceState
from streams.certify.status import CertificateStatus
from streams.certify.version_state import CertificateCounts, VersionState

_AGAIN = 0.2


class _Proof(NamedTuple):
    """What counts prove.

    Attributes:
        prefix: the best one.
        replies: the labels so far.
        so_far: the same, and what counts against the claim.
        delta: share of the error budget that they may spend.
        bound: agreement that both prove, in [0, 1).
    """

    prefix: Prefix
    replies: Certificate
    so_far: Certificate
    delta: float
    bound: float

    def certifies(self, target: float, certified: bool, lost: float) -> bool:
        """Whether both prove the target.

        Args:
            certified: so far.
            lost: target for which replies have lost the certificate.
        """
        delta = self.level(target, certified, lost)
        return self.prefix.counts.certifies(target, delta) and self.so_far.certifies(target, delta)

    def is_prevented(self, target: float, certified: bool, lost: float) -> bool:
        """Whether the labels alone would certify, and audits without one prevent it; arguments as above."""
        delta = self.level(target, certified, lost)
        counted = self.so_far.audits > self.replies.audits
        return (
            counted and self.replies.certifies(target, delta) and not self.certifies(target, certified, lost)
        )

    def level(self, target: float, certified: bool, lost: float) -> float:
        """The probability of error at which the target has to be proven; arguments as above."""
        return self.delta * _AGAIN if lost == target and not certified else self.delta


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
        silent=version_state.assumed,
        failed=pending.failed,
        lost=version_state.lost,
        target=target,
        complete=complete,
        alarm=version_state.alarm_state.level(config),
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
        replies,
        status.without_label,
        budget_share(config.delta, counts.number),
    )
    status = replace(_with_proof(status, proof, version_state.asked_at), labels=counts.labels)
    return _with_claim(status, proof, counts, config)


def service_status(
    service: ServiceState, teacher: str, config: Config, *, complete: bool, now: int
) -> CertificateStatus:
    """The status of the service's certificate, which spends the whole delta; arguments as for a version."""
    counts, target = service.counts(teacher), config.target_agreement
    ends = _prefix_ends(config, now)
    candidates = service.prefixes(teacher, ends, now)
    failed = sum(count for start, count in service.failed.items() if start >= counts.since)
    failed_lately = sum(count for start, count in service.failed.items() if start >= ends[-1])
    against = candidates[-1].unanswered + failed_lately
    pending, overdue = max(0, candidates[0].unanswered - failed), max(0, against - failed)
    proof = _best_proof([*candidates, *_last_proof(counts, ends)], counts.certificate, against, config.delta)
    status = CertificateStatus(
        audits=counts.audits,
        agreements=counts.agreements,
        pending=pending,
        overdue=overdue,
        failed=failed,
        target=target,
        complete=complete,
        updated_at=now,
    )
    return _with_claim(_with_proof(status, proof, service.asked_at), proof, counts, config)


def _best_proof(candidates: Sequence[Prefix], replies: Certificate, against: int, delta: float) -> _Proof:
    """What the candidates prove.

    Args:
        replies: labels so far.
        against: audits without a label that count against the claim by now.
    """
    prefix, bound = best_prefix(candidates, delta)
    so_far = replies.counting_unanswered(against)
    proves_as_much = bound > 0.0 and so_far.certifies(bound, delta)
    bound = bound if proves_as_much else min(bound, lower_bound(so_far, delta))
    return _Proof(prefix, replies, so_far, delta, bound)


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
    without = without_label(waiting, version_state.failed)
    found = prefixes(counts.certificate, counts.recent, without, ends, now)
    return [one._replace(unanswered=one.unanswered + ageless) for one in found]


def _with_claim(
    status: CertificateStatus, proof: _Proof, counts: CertificateCounts | ServiceCounts, config: Config
) -> CertificateStatus:
    """The status with what is claimed, or why the claim is suspended."""
    before = (config.target_agreement, counts.certified, counts.lost)
    status = replace(status, level=proof.level(*before))
    if not status.complete:
        return status
    suspended = _suspension(status, config) if proof.is_prevented(*before) else ""
    return replace(status, certified=proof.certifies(*before), suspended=suspended)


def _suspension(status: CertificateStatus, config: Config) -> str:
    reasons = [
        (status.overdue, f"audits unanswered for more than {format_seconds(config.audit_overdue)}"),
        (status.failed, "audits failed"),
        (status.lost, "audits given up"),
    ]
    return ", ".join(f"{count:,} {what}" for count, what in reasons if count)


def format_seconds(seconds: float) -> str:
    """A duration in its largest whole unit, as `1 h`."""
    units = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"))
    length, unit = next(((one, name) for one, name in units if seconds % one == 0.0), (1.0, "s"))
    return f"{seconds / length:g} {unit}"


def _with_proof(status: CertificateStatus, proof: _Proof, asked_at: int) -> CertificateStatus:
    prefix = proof.prefix
    return replace(
        status,
        bound=proof.bound,
        until=min(prefix.until, asked_at),
        proven_audits=prefix.replied.audits,
        proven_agreements=prefix.replied.agreements,
        unanswered=prefix.unanswered,
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
