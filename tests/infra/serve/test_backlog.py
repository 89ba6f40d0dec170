"""The oldest deferral of a task is the oldest without a reply, also behind those that have one."""

from infra.serve.backlog import oldest_by_task
from schemas.messages import Request
from tests.streams.fakes import deferral


def test_what_has_a_reply_does_not_wait() -> None:
    waiting = [
        (deferral(task, request=Request(task, task, "x")), at)
        for task, at in [("a", 10), ("b", 20), ("b", 30), ("a", 5), ("c", 1)]
    ]
    replied = [False, True, False, False, True]
    assert list(oldest_by_task(waiting, replied).items()) == [("a", 5), ("b", 30)]
