"""Status of a task: what its config, its serving state and its audits say of the version that answers."""

from dataclasses import dataclass, replace
from functools import lru_cache

from models.certificate import upper_bound
from models.manifest import Manifest
from models.noise.ceiling import ceiling_upper_bound
from models.study import RepeatCounts
from schemas.config import Config
from schemas.events import Event, EventKind
from streams.certify.status import CertificateStatus
from streams.label_set import LabelSet, known_labels
from streams.sampling import RateReason, SamplingState, audit_rate
from streams.status.expected_coverage import config_mismatch, expected_coverage
from streams.status.tier_status import TierStatus, tier_statuses
from streams.tasks import threshold
from streams.trainer.trigger import fewest_certifying
from streams.versions.guard_state import FRESH, Guard
from streams.versions.serving_state import ActiveVersion, Candidate, ServingState

_REMEMBERED = 4_096
# Each takes half a millisecond, of each task at each look; most counts are those of the look before.
_upper_bound = lru_cache(_REMEMBERED)(upper_bound)
_ceiling = lru_cache(_REMEMBERED)(ceiling_upper_bound)


@dataclass(frozen=True, slots=True)
class ServiceCertificate:
    """What the audits of all versions together prove; it spends `delta` once, through all refits.

    Attributes:
        audits, agreements: replies so far, of the teacher that answers now.
        pending: audits without a reply yet.
        suspended: why nothing is certified, where the labels alone prove the target; empty elsewhere.
        bound: agreement that they prove, in [0, 1): of all answers up to `until`, each weighted with the
            audit rate at its time.
        until: Unix milliseconds; 0 where that is not known.
        certified: the bound clears the target.
    """

    audits: int = 0
    agreements: int = 0
    pending: int = 0
    bound: float = 0.0
    until: int = 0
    certified: bool = False
    suspended: str = ""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """Attributes:
    since: Unix milliseconds at which the version went live.
    traces: that it was fitted on.
    target: agreement that is promised, in (0, 1).
    threshold: least score that is answered; passed the gate, or set by hand. None where neither.
    audits, agreements: replies so far to audits of this version.
    pending: audits without a reply yet; of these, `overdue` ones count against the claim, and `silent` ones
        were passed by.
    failed: audits on which the teacher has failed; `lost`: those whose label is not waited for any more. They
        count against the claim, too.
    suspended: why nothing is certified, where the labels alone prove the target; empty elsewhere.
    bound: agreement that the audits prove, in [0, 1): of the version's answers up to `until`, each weighted
        with the audit rate at its time. While that rate is constant, it is the plain average.
    certified: the bound clears the target. False while counts that were lost are read again.
    complete: False while they are.
    alarm: level of the alarm, from 0 to 1, where it is raised.
    breaker: why nothing is answered; None while it is closed.
    candidate: the version on trial, and how: `v3 in shadow`; or `v3 waits for approval`.
    awaited: the version that waits for a person's approval; None where none does.
    refused: why the newest fitted version does not go live; None where it does, or may yet.
    pinned: why no version is promoted; None where promotions are free.
    asked_again: requests about which the teacher was asked twice; on `said_the_same` it repeated itself.
    ceiling: upper bound of the agreement of any surrogate that answers all requests, in [0, 1].
    by_hand: the threshold was set by hand.
    paused: everything is deferred, as the config says.
    audit_rate: share of the requests that is audited, in [0, 1].
    audit_reason: why this share.
    certifying: sampled traces that the next refit may certify on; None where no trainer says so now.
    enough: of these, from which on the config's `audit_rate` alone decides.
    needed: of these, below which a refit waits.
    expected_coverage: share of the requests that it should answer, as the fit has seen them; None where the
        policy can't say.
    high: agreement that the audits prove not to be exceeded, in (0, 1].
    new_labels: labels that it can't know; nothing is certified until a refit has learned them.
    removed_labels: labels that it is not allowed to answer any more.
    never_answer: labels that an operator has switched off.
    unsuitable: why the version can't answer under this config; None where it can.
    until: Unix milliseconds; 0 where that is not known.
    service: the certificate of all versions together.
    uncounted: seconds for which `certify` has counted no audits, where it is late: nothing is certified.
        None while it is not late, and where it has never said that it counts them.
    unseen: it has never said so: nothing is certified, and routers that have waited for it for
        `guard_staleness` defer everything.
    unguarded: audits are uncounted for so long that everything is deferred.
    level: probability of error at which the target has to be proven now; 0 where that is not known.
    tiers: of a cascade.
    """

    task: str
    version: str
    since: int
    traces: int
    target: float
    threshold: float | None
    audits: int = 0
    agreements: int = 0
    pending: int = 0
    overdue: int = 0
    bound: float = 0.0
    certified: bool = False
    complete: bool = True
    alarm: float = 0.0
    breaker: str | None = None
    candidate: str | None = None
    awaited: str | None = None
    refused: str | None = None
    pinned: str | None = None
    asked_again: int = 0
    said_the_same: int = 0
    ceiling: float = 1.0
    by_hand: bool = False
    paused: bool = False
    audit_rate: float = 0.0
    audit_reason: RateReason = RateReason.CONFIGURED
    certifying: int | None = None
    enough: int = 0
    needed: int = 0
    expected_coverage: float | None = None
    new_labels: tuple[str, ...] = ()
    removed_labels: tuple[str, ...] = ()
    never_answer: tuple[str, ...] = ()
    unsuitable: str | None = None
    high: float = 1.0
    until: int = 0
    service: ServiceCertificate = ServiceCertificate()
    silent: int = 0
    failed: int = 0
    lost: int = 0
    suspended: str = ""
    uncounted: float | None = None
    unseen: bool = False
    unguarded: bool = False
    level: float = 0.0
    tiers: tuple[TierStatus, ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether `certify` counts audits now; where not, nothing is certified."""
        return not self.unseen and self.uncounted is None

    @property
    def without_label(self) -> int:
        """Audits that count against the claim: overdue, failed or given up."""
        return self.overdue + self.failed + self.lost


def version_status(task: str, active: ActiveVersion, manifest: Manifest, config: Config) -> TaskStatus:
    """What the version was fitted for, and what it may do under this config."""
    labels = LabelSet.of(config.teacher)
    return TaskStatus(
        task=task,
        version=active.version,
        since=active.since,
        traces=manifest.traces,
        target=config.target_agreement,
        threshold=threshold(manifest, config),
        by_hand=config.threshold is not None,
        expected_coverage=expected_coverage(manifest, config),
        new_labels=labels.new_to(known_labels(manifest)),
        removed_labels=tuple(sorted(labels.removed_of(manifest))),
        never_answer=tuple(sorted(map(labels.current, config.never_answer))),
        unsuitable=config_mismatch(manifest, config),
        tiers=tier_statuses(manifest, config),
    )


def with_serving(status: TaskStatus, serving: ServingState, config: Config, guard: Guard) -> TaskStatus:
    """Whether it answers, and what else may."""
    return replace(
        status,
        breaker=serving.breaker.reason if serving.breaker.stops(status.version) else None,
        candidate=_on_trial(serving.candidate),
        awaited=_awaited(serving.candidate),
        pinned=serving.pin.reason if serving.pin else None,
        paused=config.paused,
        uncounted=guard.age if guard.age >= FRESH else None,
        unseen=guard.unseen,
        unguarded=guard.stops(config.guard_staleness),
    )


def with_outcome(status: TaskStatus, outcome: Event | None) -> TaskStatus:
    """What became of the newest version that was fitted."""
    refused = outcome is not None and outcome.kind is EventKind.REFUSED
    return replace(status, refused=outcome.message if outcome is not None and refused else None)


def with_audits(
    status: TaskStatus, certificate: CertificateStatus, config: Config, guard: Guard
) -> TaskStatus:
    """What its audits say; certify may not know of a higher target yet."""
    proven = certificate.certified and certificate.target >= status.target
    return replace(
        status,
        audits=certificate.audits,
        agreements=certificate.agreements,
        pending=certificate.pending,
        overdue=certificate.overdue,
        silent=certificate.silent,
        failed=certificate.failed,
        lost=certificate.lost,
        suspended=certificate.suspended,
        bound=certificate.bound,
        certified=proven and guard.is_fresh,
        complete=certificate.complete and not guard.rebuilding,
        alarm=certificate.alarm,
        high=_upper_bound(certificate.certificate, config.delta),
        until=certificate.until,
        level=certificate.level,
    )


def with_repeats(status: TaskStatus, twice: RepeatCounts, config: Config) -> TaskStatus:
    """How often the teacher contradicts itself."""
    ceiling = _ceiling(twice, config.delta)
    return replace(status, asked_again=twice.asked, said_the_same=twice.same, ceiling=ceiling)


def with_sampling(
    status: TaskStatus, state: SamplingState, certifying: int | None, config: Config
) -> TaskStatus:
    """How many requests are audited, and what the next refit has of them."""
    rate = audit_rate(config, state)
    return replace(
        status,
        audit_rate=rate.rate,
        audit_reason=rate.reason,
        certifying=certifying,
        enough=config.audit_enough,
        needed=fewest_certifying(config.refit),
    )


def service_certificate(service: CertificateStatus, guard: Guard, target: float) -> ServiceCertificate:
    proven = service.certified and service.target >= target
    return ServiceCertificate(
        service.audits,
        service.agreements,
        service.pending,
        service.bound,
        service.until,
        proven and guard.is_fresh,
        service.suspended,
    )


def _on_trial(candidate: Candidate | None) -> str | None:
    if candidate is None:
        return None
    if candidate.waits_for_approval:
        return f"{candidate.version} waits for approval"
    return f"{candidate.version} in {candidate.plan.mode}"


def _awaited(candidate: Candidate | None) -> str | None:
    return candidate.version if candidate is not None and candidate.waits_for_approval else None
