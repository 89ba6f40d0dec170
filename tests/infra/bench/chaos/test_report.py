"""A report shows each kind of fault once, and fails where the checker complains."""

from infra.bench.chaos.checker import LOST, Complaint
from infra.bench.chaos.fleet import Ended
from infra.bench.chaos.plan import Fault, Incident, Kind
from infra.bench.chaos.recovery import FaultRecovery
from infra.bench.chaos.report import report_of
from infra.bench.chaos.run import ChaosOutcome, Happened

KILL, PAUSE, FLUSH = (Fault(kind, 1.0) for kind in (Kind.KILL, Kind.BROKER_PAUSE, Kind.REDIS_FLUSH))
HAPPENED = (
    Happened(Incident(1.0, (KILL,)), FaultRecovery(0.5, 1.0, 3.0)),
    Happened(Incident(1.0, (KILL,)), FaultRecovery(0.7, None, 4.0)),
    Happened(Incident(1.0, (KILL, PAUSE)), FaultRecovery(9.0, 9.0, 9.0)),
)


def test_a_kind_has_a_row_with_the_times_of_faults_alone() -> None:
    report = report_of(ChaosOutcome(HAPPENED, (), (), {"ids": 9}, 60.0), 7)
    kill, pause = report.tables[0].rows
    assert kill == (Kind.KILL.value, "3", "2", "0.7", "0.7", "not in time", "not in time", "4.0", "4.0")
    assert pause == (Kind.BROKER_PAUSE.value, "1", "0", *["-"] * 6)
    assert report.tables[0].title == "4 faults in 1 min, seed 7"
    assert not report.failed


def test_a_complaint_fails_the_report() -> None:
    ended = Ended(("route", 1), 1, True, "INFO x\nCRITICAL why\nINFO y")
    complaints = tuple(Complaint(LOST, f"text-{number} has no label") for number in range(40))
    report = report_of(ChaosOutcome(HAPPENED, complaints, (ended,), {}, 60.0), 7)
    assert report.failed
    assert {figure.name: figure.value for figure in report.figures}["lost"] == 40
    assert report.notes[0] == "lost: text-0 has no label"
    assert report.notes[-2:] == (
        "... and 10 more",
        "ended by itself with status 1: route 1: CRITICAL why",
    )
