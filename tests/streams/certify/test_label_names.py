"""What certify has counted of a renamed label goes on under its new name."""

from models.certificate import Certificate
from schemas.config import TeacherConfig
from streams.certify.alarm_state import AlarmState, Outcome, RaisedAlarm
from streams.certify.label_names import with_current_names
from streams.certify.observations import AuditReply
from streams.certify.version_state import CertificateCounts, EarlyReply, VersionState
from streams.label_set import LabelSet


def version_state(old: str, other: str) -> VersionState:
    """A state in which everything that can name a label does."""
    counts = {old: Certificate(10, 9), other: Certificate(5, 5)}
    raised = RaisedAlarm(1, counts)
    return VersionState(
        {"m p": CertificateCounts(3, 15, 14, labels=counts, certified=True, blocked=(old,))},
        AlarmState(0.95, (1.0,), 0.5, raised, 1, raised),
        early={"r1": EarlyReply("m p", 1, AuditReply("r1", 1, 2, old, True))},
        outcomes=(Outcome(1, "r2", old, True, 2), Outcome(1, "r3", None, False, 2)),
        alarm_blocked=(old,),
    )


def test_all_counts_go_on_under_the_new_name() -> None:
    labels = LabelSet.of(TeacherConfig(labels_renamed={"refund": "money back"}))
    before, after = version_state("refund", "track"), version_state("money back", "track")
    assert with_current_names(before, labels) == with_current_names(after, labels) == after


def test_counts_of_labels_with_one_name_are_added() -> None:
    labels = LabelSet.of(TeacherConfig(labels_renamed={"a": "c", "b": "c"}))
    renamed = with_current_names(version_state("a", "b"), labels)
    assert renamed.certificates["m p"].labels == {"c": Certificate(15, 14)}
