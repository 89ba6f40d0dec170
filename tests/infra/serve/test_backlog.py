"""The oldest deferral of a task is the oldest without a reply, also behind those that have one."""

from infra.serve.backlog import Backlog, oldest_by_task
from schemas.messages import Request
from tests.streams.fakes import deferral


def test_what_has_a_reply_does_not_wait() -> None:
    waiting = [
        (deferral(task, request=Request(task, task, "x")), at)
        for task, at in [("a", 10), ("b", 20), ("b", 30), ("a", 5), ("c", 1)]
    ]
    replied = [False, True, False, False, True]
    assert list(oldest_by_task(waiting, replied).items()) == [("a", 5), ("b", 30)]


def test_a_task_waits_for_as_long_as_its_oldest_in_any_lane() -> None:
    backlog = Backlog(0, 3, oldest={"deferrals": {"a": 20, "b": 5}, "audits": {"a": 7}})
    assert backlog.owed(2_007) == {"a": 2.0, "b": 2.002}
