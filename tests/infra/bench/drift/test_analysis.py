"""Labels and events are made up: a request a second from 1,000 s on, answered half a second later."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from infra.bench.drift.analysis import (
    AnswerCounts,
    FirstAlarm,
    FirstCertificate,
    Recovery,
    Reports,
    drift_figures,
    event_lines,
)
from infra.bench.drift.report import AUDITS, RunPair, section
from infra.bench.drift.run import RunRecord
from infra.bench.drift.scenarios import GOLD, TASK, Stream
from schemas.events import (
    AlarmDetails,
    CertificateLostDetails,
    CertifiedDetails,
    DriftDetails,
    Event,
    EventDetails,
    EventKind,
    LabelBlockedDetails,
    PromotedDetails,
    RefitDetails,
    TeacherChangedDetails,
)
from schemas.messages import Label, Reason

MANY, DRIFTED = 40, 20
STREAM = Stream(
    tuple(range(MANY)), ("a",) * DRIFTED + ("b",) * DRIFTED, DRIFTED, (GOLD, GOLD), frozenset("b")
)


def at(place: int) -> int:
    """When this request is sent, Unix milliseconds."""
    return 1_000_000 + 1_000 * place


def _close(seconds: float) -> Any:
    """Equal to these seconds but for rounding."""
    return pytest.approx(seconds)


def labelled(place: int, label: str, version: str | None) -> Label:
    reason = Reason.ACCEPTED if version else Reason.NO_POLICY
    source: Literal["surrogate", "teacher"] = "surrogate" if version else "teacher"
    return Label(f"r{place}", TASK, label, source, reason, at(place), at(place) + 500, policy=version)


def emitted(place: int, details: EventDetails) -> Event:
    """Just before this request is sent."""
    return details.event(TASK, at(place) - 1, f"it is {details.kind}")


def refit(version: str) -> EventDetails:
    return RefitDetails(version, traces=100, newest=0)


def promoted(version: str, coverage: dict[str, float] | None = None) -> EventDetails:
    return PromotedDetails(version, moves=(), breaker="closed", coverage=coverage)


def certified(version: str, audits: int) -> EventDetails:
    return CertifiedDetails(version, audits, audits, overdue=0, bound=0.95, target=0.95)


def certificate_lost(version: str, audits: int) -> EventDetails:
    return CertificateLostDetails(version, audits, 0, overdue=0, bound=0.5, target=0.95)


def label_blocked(version: str, label: str) -> EventDetails:
    return LabelBlockedDetails(version, label, "floor", 9, 1, 20, 12, floor=0.8)


def alarm(version: str) -> EventDetails:
    return AlarmDetails(version, 20, 10, 6, 2, 0.95, restored=None, breaker="open", certify_from=0)


TEACHER_CHANGED = TeacherChangedDetails("new", "", since=0, model_before="old", prompt_before="")


def record(*parts: tuple[range, str, str | None], events: tuple[Event, ...] = ()) -> RunRecord:
    """Labels in an order of arrival that is not that of the requests."""
    labels = [labelled(place, label, version) for places, label, version in parts for place in places]
    return RunRecord((*labels[::2], *labels[1::2]), events)


ALARMED = record(
    (range(5), "a", None),
    (range(5, 26), "a", "v1"),
    (range(26, 27), "b", "v1"),
    (range(27, 32), "b", None),
    (range(32, 40), "b", "v2"),
    events=(
        emitted(4, refit("v1")),
        emitted(5, promoted("v1", {"0.96": 0.7})),
        emitted(12, certified("v1", 9)),
        emitted(22, label_blocked("v1", "a")),
        emitted(27, alarm("v1")),
        emitted(30, refit("v2")),
        emitted(32, promoted("v2", {"0.96": 0.8})),
        emitted(36, certified("v2", 4)),
        emitted(38, certificate_lost("v2", 5)),
    ),
)


def test_an_alarm_begins_the_recovery() -> None:
    result = drift_figures(STREAM, ALARMED)
    assert result.before == AnswerCounts(20, 15, 15, 0)
    assert result.exposed == AnswerCounts(asked=7, answered=7, agreed=1, unseen=7)
    assert result.after == AnswerCounts(asked=20, answered=15, agreed=9, unseen=15)
    assert result.first_certificate == FirstCertificate(requests=12, audits=9)
    assert result.alarm == FirstAlarm(_close(6.999), 6, 2)
    assert result.recovery == Recovery(_close(5.501), requests=6)
    assert result.new_certificate == FirstCertificate(requests=15, audits=4)
    assert (result.certified_before, result.certified_at_end) == (True, False)
    assert result.events[EventKind.LABEL_BLOCKED] == result.events[EventKind.PROMOTED] == 1
    assert (result.promised, result.replaced) == (0.8, None)
    assert "+7.0 s it is alarm" in event_lines(STREAM, ALARMED)


def test_reports_are_counted_in_requests_since_the_drift() -> None:
    def drift(signal: str) -> EventDetails:
        return DriftDetails("v1", 100, 0, {signal: 0.01}, True)

    early, late = emitted(19, drift("deferrals")), emitted(28, drift("deferrals"))
    events = (early, emitted(24, drift("scores")), late, emitted(31, alarm("v1")))
    result = drift_figures(STREAM, record((range(40), "a", "v1"), events=events))
    assert result.reports == Reports(first=3, deferrals=7, alarm=10)
    silent = drift_figures(STREAM, record((range(40), "a", "v1"), events=(early,)))
    assert silent.reports == Reports(None, None, None)


def test_a_new_version_ends_the_exposure() -> None:
    quiet = record(
        (range(30), "a", "v1"),
        (range(30, 40), "a", "v2"),
        events=(
            emitted(9, certified("v1", 9)),
            emitted(15, certificate_lost("v1", 11)),
            emitted(18, alarm("v0")),
            emitted(25, refit("v2")),
        ),
    )
    result = drift_figures(STREAM, quiet)
    assert result.exposed == AnswerCounts(asked=10, answered=10, agreed=0, unseen=10)
    assert result.after == AnswerCounts(asked=20, answered=20, agreed=0, unseen=20)
    assert (result.first_certificate, result.certified_before) == (
        FirstCertificate(requests=9, audits=9),
        False,
    )
    assert (result.alarm, result.recovery, result.new_certificate, result.replaced) == (None, None, None, 10)


@pytest.mark.parametrize(
    ("later", "stands"),
    [
        ((), True),
        ((emitted(21, TEACHER_CHANGED),), False),
        ((emitted(21, TEACHER_CHANGED), emitted(30, certified("v1", 5))), True),
        ((emitted(30, certified("v0", 5)),), True),
        ((emitted(30, certificate_lost("v1", 5)),), False),
    ],
)
def test_a_certificate_ends_by_loss_or_a_new_teacher(later: tuple[Event, ...], stands: bool) -> None:
    before = emitted(9, certified("v1", 9))
    result = drift_figures(STREAM, record((range(40), "a", "v1"), events=(before, *later)))
    assert (result.certified_before, result.certified_at_end) == (True, stands)


def test_an_alarm_of_the_new_version_ends_exposure() -> None:
    late = record(
        (range(24), "a", "v1"),
        (range(24, 28), "a", "v2"),
        (range(28, 40), "b", None),
        events=(emitted(28, alarm("v2")),),
    )
    result = drift_figures(STREAM, late)
    assert (result.exposed.answered, result.replaced, result.recovery) == (8, 4, None)


def test_without_a_new_version_no_recovery() -> None:
    stopped = record(
        (range(24), "a", "v1"),
        (range(24, 40), "b", None),
        events=(emitted(24, alarm("v1")),),
    )
    result = drift_figures(STREAM, stopped)
    assert (result.exposed.answered, result.recovery, result.new_certificate) == (4, None, None)
    assert result.last.coverage == pytest.approx(24 / 40)


def test_the_table_shows_medians_and_their_runs() -> None:
    alarmed = drift_figures(STREAM, ALARMED)
    silent = replace(alarmed, alarm=None, recovery=None, certified_before=False)
    table, figures = section(
        "new", AUDITS, [RunPair(alarmed, silent), RunPair(alarmed, silent), RunPair(silent, silent)]
    )
    assert table.columns == ("new", "audits on", "audits off")
    cells = {name: others for name, *others in table.rows}
    assert cells["drift to the alarm"] == ["7.0 s (2 of 3)", "-"]
    assert cells["certified when the drift begins"] == [".667", ".000"]
    by_name = {figure.name: figure for figure in figures}
    answered = by_name["new: by the version from before the drift: answered"]
    assert (answered.value, answered.reference, answered.reference_value) == (7, "audits off", 7)
    assert by_name["new: drift to the alarm"].reference is None
