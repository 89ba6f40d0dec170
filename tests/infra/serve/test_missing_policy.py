from infra.serve.missing_policy import missing_policies
from infra.serve.traffic import TaskTraffic
from streams.trainer.events import refused_event
from streams.versions.events import on_trial_event
from streams.versions.lifecycle import VersionStage
from streams.versions.promotion import FOR_APPROVAL

FAILS = TaskTraffic(
    seconds=60, labels=3, answered=0, audited=0, errors=3, last_error="teacher.url is not set"
)
WORKS = TaskTraffic(seconds=60, labels=3, answered=0, audited=0, errors=0)


def test_a_task_without_a_policy_has_a_reason() -> None:
    found = missing_policies(
        {"has-one"},
        {"*": {"refit": {"at_least": 300}}, "idle": {}, "has-one": {}},
        {"fails": FAILS, "works": WORKS, "refused": WORKS, "has-one": WORKS},
        {
            "refused": refused_event("refused", "v1", ["20 sampled traces"], 5),
            "waits": on_trial_event("waits", "v1", VersionStage.APPROVAL, FOR_APPROVAL, 5),
        },
        {},
    )
    reasons = {one.task: one.reason for one in found}
    assert list(reasons) == ["fails", "idle", "refused", "waits", "works"]
    assert "teacher.url is not set" in reasons["fails"]
    assert reasons["idle"] == "no requests in the last minutes"
    assert "20 sampled traces" in reasons["refused"]
    assert "policies approve waits v1" in reasons["waits"]
    assert "at least 300" in reasons["works"]


def test_a_task_whose_requests_all_wait_for_the_teacher_is_not_said_to_have_none() -> None:
    traffic, owed = {"stuck": WORKS, "works": WORKS}, {"wrong": 3.0, "stuck": 43.0, "works": 3.0}
    idle, stuck, works, wrong = missing_policies((), {"idle": {}}, traffic, {}, owed)
    assert "understudy ask" in idle.next_step
    assert wrong.reason.endswith("requests that wait for the teacher")
    assert "understudy doctor" in wrong.next_step
    assert stuck.next_step.endswith("it has owed a reply for 43 s")
    assert works.next_step.startswith("nothing: wait")
