"""Names of labels in certify's state: the counts of a renamed label go on under its new name."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from models.certificate import Certificate
from streams.certify.alarm_state import RaisedAlarm
from streams.certify.evidence import total
from streams.certify.version_state import CertificateCounts, VersionState
from streams.label_set import LabelSet


def with_current_names(version_state: VersionState, labels: LabelSet) -> VersionState:
    """The state with the names of today; the counts of labels that have one name by now are added up."""
    if not labels.renamed:
        return version_state
    alarm, current = version_state.alarm_state, labels.current
    certificates = {
        teacher: _with_current_names(counts, labels) for teacher, counts in version_state.certificates.items()
    }
    return replace(
        version_state,
        certificates=certificates,
        alarm_state=replace(
            alarm, begun=_renamed_alarm(alarm.begun, labels), last=_renamed_alarm(alarm.last, labels)
        ),
        alarm_blocked=_names(version_state.alarm_blocked, labels),
        outcomes=tuple(
            outcome if outcome.label is None else replace(outcome, label=current(outcome.label))
            for outcome in version_state.outcomes
        ),
        early={
            request: replace(early, audit=early.audit._replace(label=current(early.audit.label)))
            for request, early in version_state.early.items()
        },
    )


def _with_current_names(counts: CertificateCounts, labels: LabelSet) -> CertificateCounts:
    return replace(counts, labels=_merged(counts.labels, labels), blocked=_names(counts.blocked, labels))


def _names(blocked: Iterable[str], labels: LabelSet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(labels.current, blocked)))


def _renamed_alarm(alarm: RaisedAlarm, labels: LabelSet) -> RaisedAlarm:
    return replace(alarm, labels=_merged(alarm.labels, labels))


def _merged(counts: Mapping[str, Certificate], labels: LabelSet) -> dict[str, Certificate]:
    merged: dict[str, Certificate] = {}
    for label, audits in counts.items():
        name = labels.current(label)
        merged[name] = total((merged.get(name, Certificate()), audits))
    return merged
