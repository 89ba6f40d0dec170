"""An error is not the last word: the same id, sent again, gets its label, and one only."""

import threading
from functools import partial

from redis import Redis

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.teacher import OutsideTeacher
from infra.local.child import free_port
from schemas.codec import LABEL, TRACE
from schemas.messages import Deferral, Reply
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything, has_read_all, reply_again
from tests.system.wishes import LABELS, TASK, meant, wishes

REQUESTS = 500
WELL = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)
# One message at a time, and no commit before all are read.
SLOW = {"UNDERSTUDY_BATCH": "1", "UNDERSTUDY_COMMIT_INTERVAL": "60"}


def test_a_retry_after_an_error_gets_its_label(deployment: Deployment) -> None:
    """Also where `learn` is killed between its claims in Redis and its commit, and replies come twice."""
    topics, back = deployment.topics, threading.Event()

    def answer(deferral: Deferral) -> Reply:
        if back.is_set():
            return Reply(deferral, meant(deferral.request.text))
        return Reply(deferral, error="the teacher is away")

    sent = wishes(REQUESTS)
    ids = sorted(request.id for request in sent)
    deployment.configure(TASK, repeat_rate=0.0)
    deployment.worker("route")
    with OutsideTeacher(deployment, answer), Inbox(deployment, topics.labels, decoded(LABEL)) as labels:
        deployment.send(sent)
        wait_for_replies(deployment, REQUESTS)
        killed_before_commit(deployment, ":failed:")
        assert labels.collect() == []
        learn = deployment.worker("learn")
        labels.wait_for(REQUESTS)
        reply_again(deployment)
        wait_until(partial(has_read_all, deployment, "learn", topics.replies), 60, "learn has read all")
        assert learn.stop() == 0
        back.set()
        deployment.send(sent)
        wait_for_replies(deployment, 3 * REQUESTS)
        killed_before_commit(deployment, ":replied:")
        assert len(labels.collect()) == REQUESTS
        deployment.worker("learn")
        labels.wait_for(2 * REQUESTS)
        reply_again(deployment)
        wait_until(partial(has_read_all, deployment, "learn", topics.replies), 60, "learn has read all")
    deployment.stop()
    every = [LABEL.decode(message.value()) for message in everything(deployment, topics.labels)]
    errors = [label for label in every if label.source == "error"]
    answered = [label for label in every if label.source == "teacher"]
    assert sorted(label.id for label in errors) == ids
    assert sorted(label.id for label in answered) == ids
    assert {(label.supersedes, label.error) for label in errors} == {(False, "the teacher is away")}
    assert {label.supersedes for label in answered} == {True}
    traces = [TRACE.decode(message.value()).id for message in everything(deployment, topics.traces)]
    assert sorted(traces) == ids
    assert len(everything(deployment, topics.dead_letters)) == REQUESTS


def killed_before_commit(deployment: Deployment, claimed: str) -> None:
    """A `learn` that is killed once Redis holds claims of it, none of which it has committed."""
    learn = deployment.process("infra.cli", "worker", "learn", **SLOW)
    with Redis.from_url(deployment.redis) as redis:
        pattern = f"{deployment.prefix}:*{claimed}*"
        wait_until(lambda: next(redis.scan_iter(pattern), None) is not None, 60, f"a key {pattern}")
    learn.kill()


def wait_for_replies(deployment: Deployment, count: int) -> None:
    with Inbox(deployment, deployment.topics.replies, lambda message: message) as replies:
        replies.wait_for(count)


def test_an_outage_that_is_given_up_ends_in_a_label(deployment: Deployment) -> None:
    """With the built-in teacher: it gives up, the client sends the id again, and the endpoint is back."""
    sent = wishes(20, "outage")
    away = {
        "url": f"http://127.0.0.1:{free_port()}/v1",
        "model": "away",
        "labels": LABELS,
        "give_up_after": 1,
    }
    deployment.configure(TASK, repeat_rate=0.0, teacher=away)
    worker = deployment.worker("route", "teacher", "learn")
    with (
        SimulatedTeacher(meant, LABELS, WELL) as teacher,
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(sent)
        labels.wait_for(len(sent))
        assert worker.stop() == 0
        there = {"url": teacher.url, "model": "there", "labels": LABELS}
        deployment.configure(TASK, repeat_rate=0.0, teacher=there)
        deployment.worker("route", "teacher", "learn")
        deployment.send(sent)
        labels.wait_for(2 * len(sent))
        deployment.stop()
    every = [LABEL.decode(one.value()) for one in everything(deployment, deployment.topics.labels)]
    found = {request.id: [one for one in every if one.id == request.id] for request in sent}
    assert {tuple(label.source for label in both) for both in found.values()} == {("error", "teacher")}
    assert {tuple(label.supersedes for label in both) for both in found.values()} == {(False, True)}
    assert all(found[request.id][1].label == meant(request.text) for request in sent)
