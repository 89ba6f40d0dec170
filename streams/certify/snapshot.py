"""What a step of certify starts from: what Redis holds of a task, and the moment at which it is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from schemas.config import Config
from streams.certify.asking_order import prefix_ends
from streams.certify.history import CertificatePoint
from streams.certify.pending_audits import PendingAudits
from streams.certify.status import CertificateStatus
from streams.certify.task_state import TaskState
from streams.certify.version_state import VersionState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Redis holds of a task, and of some of its versions, under one revision.

    Attributes:
        service_status: as it is shown; None before the first.
        points: history of the certificate, by version; only of versions whose history is full.
        new_labels: labels that a version can't know, by version; `new_to_live`: those of the live version.
    """

    task_state: TaskState = field(default_factory=TaskState)
    version_states: Mapping[str, VersionState] = field(default_factory=dict)
    statuses: Mapping[str, CertificateStatus] = field(default_factory=dict)
    pending_audits: Mapping[str, PendingAudits] = field(default_factory=dict)
    service_status: CertificateStatus | None = None
    new_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    new_to_live: tuple[str, ...] = ()
    points: Mapping[str, tuple[CertificatePoint, ...]] = field(default_factory=dict)

    def version_state(self, version: str) -> VersionState:
        return self.version_states.get(version, VersionState())

    def pending(self, version: str) -> PendingAudits:
        return self.pending_audits.get(version, PendingAudits())


@dataclass(frozen=True)
class Moment:
    """What a step is taken under.

    Attributes:
        now: Unix milliseconds.
        complete: no count is missing.
        passed: Unix milliseconds; the teacher has gone further than the audits noted until then, and all its
            replies to them have been read. None where nobody knows.
    """

    task: str
    config: Config
    now: int
    complete: bool
    passed: int | None = None

    @cached_property
    def late(self) -> int:
        """Audits that were noted until this time are overdue."""
        return self.now - round(self.config.audit_overdue * 1000)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Where prefixes in the order of asking end, newest first."""
        return prefix_ends(self.now, round(self.config.audit_overdue * 1000))

    @property
    def oldest(self) -> int:
        """What was asked before is kept as one number."""
        return self.ends[-1]
