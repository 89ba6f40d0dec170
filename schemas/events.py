"""Events for operators: all kinds, each with the Struct of its details (`schemas.event`)."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from schemas.audit_events import (
    AlarmDetails,
    AuditsFailedDetails,
    CertificateLostDetails,
    CertifiedDetails,
    DriftDetails,
    LabelBlockedDetails,
    PromiseMissedDetails,
    ServiceCertificateLostDetails,
    ServiceCertifiedDetails,
)
from schemas.config import Config
from schemas.event import (
    ConfigRejectedDetails,
    Event,
    EventDetails,
    EventKind,
    config_applied_event,
)
from schemas.operator_change import ConfigChangedDetails
from schemas.task_events import LettersReplayedDetails, TaskRetiredDetails, TasksCappedDetails
from schemas.teacher_events import (
    BacklogAtRiskDetails,
    LabelsCappedDetails,
    LabelsChangedDetails,
    RepliesReadableDetails,
    RepliesUnreadableDetails,
    SpendingDetails,
    TeacherChangedDetails,
    TeacherUnsteadyDetails,
)
from schemas.version_events import (
    BreakerClosedDetails,
    BreakerState,
    PinnedDetails,
    PromotedDetails,
    RefitDetails,
    RefusedDetails,
    RollbackDetails,
    TrialDetails,
    UnpinnedDetails,
    VersionMove,
)

__all__ = [
    "DETAILS",
    "AlarmDetails",
    "AuditsFailedDetails",
    "BacklogAtRiskDetails",
    "BreakerClosedDetails",
    "BreakerState",
    "CertificateLostDetails",
    "CertifiedDetails",
    "ConfigChangedDetails",
    "ConfigRejectedDetails",
    "DriftDetails",
    "Event",
    "EventDetails",
    "EventKind",
    "LabelBlockedDetails",
    "LabelsCappedDetails",
    "LabelsChangedDetails",
    "LettersReplayedDetails",
    "PinnedDetails",
    "PromiseMissedDetails",
    "PromotedDetails",
    "RefitDetails",
    "RefusedDetails",
    "RepliesReadableDetails",
    "RepliesUnreadableDetails",
    "RollbackDetails",
    "ServiceCertificateLostDetails",
    "ServiceCertifiedDetails",
    "SpendingDetails",
    "TaskRetiredDetails",
    "TasksCappedDetails",
    "TeacherChangedDetails",
    "TeacherUnsteadyDetails",
    "TrialDetails",
    "UnpinnedDetails",
    "VersionMove",
    "config_applied_event",
]

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
    TasksCappedDetails,
    TaskRetiredDetails,
    LettersReplayedDetails,
    RepliesUnreadableDetails,
    RepliesReadableDetails,
    ConfigRejectedDetails,
    ConfigChangedDetails,
)

DETAILS: Mapping[EventKind, type[Struct]] = MappingProxyType(
    {**{details.kind: details for details in _STRUCTS}, EventKind.CONFIG_APPLIED: Config}
)
"""What `details` holds, by kind. Those of `config_applied` are the fields of `Config` that a message sets."""
