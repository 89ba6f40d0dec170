"""The teacher's lanes on real Kafka: a task that hangs holds up no other, and kill -9 loses nothing."""

from collections import Counter
from collections.abc import Sequence

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.silent_endpoint import silent_endpoint
from schemas.codec import DEFERRAL, LABEL, REQUEST, TRACE
from schemas.messages import Reason, Request
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import LABELS, TASK, VERSION, meant, publish, wishes

SLOW = TeacherBehaviour(latency=0.3, wrong=0.0, throttled=0.0, failing=0.0)
SLOTS = 40
REQUESTS = 400
KILLS = 3
UNCOMMITTED = 60
"""Answers that a worker may hold beside its calls: those since its last commit."""
FLOOD = 7_000
"""Requests of one task, more than two windows of the teacher hold."""


def test_a_task_that_hangs_holds_up_no_other(deployment: Deployment) -> None:
    hanging, asked = wishes(200, "hanging", "hanging"), wishes(200, "asked")
    with silent_endpoint() as url, SimulatedTeacher(meant, LABELS, SLOW) as teacher:
        deployment.configure("hanging", teacher={"url": url, "model": "m", "labels": LABELS, "timeout": 120})
        deployment.configure(TASK, teacher={"url": teacher.url, "model": "m", "labels": LABELS})
        deployment.worker("route", "teacher", "learn", UNDERSTUDY_DRAIN="1")
        deployment.send(hanging)
        deployment.send(asked)
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            labels.wait_for(len(asked))
        deployment.stop()
    assert {label.id for label in labels.all} == {request.id for request in asked}
    assert {label.source for label in labels.all} == {"teacher"}


def test_a_task_that_fills_the_window_holds_up_no_other(deployment: Deployment) -> None:
    """One partition; the endpoint hangs, the worker is killed with messages put off, the endpoint is back."""
    hanging, asked = wishes(FLOOD, "hanging", "hanging"), wishes(100, "asked")
    answers = TeacherBehaviour(latency=0.005, wrong=0.0, throttled=0.0, failing=0.0)
    waiting = deployment.topics.waiting
    with silent_endpoint() as url, SimulatedTeacher(meant, LABELS, answers) as teacher:
        teaching = {"model": "m", "labels": LABELS, "timeout": 5, "concurrency": 32}
        for task, at in (("hanging", url), (TASK, teacher.url)):
            deployment.configure(task, teacher={"url": at, **teaching}, repeat_rate=0.0)
        deployment.worker("route", "learn", UNDERSTUDY_DRAIN="1")
        worker = deployment.worker("teacher", UNDERSTUDY_SLOT="s", UNDERSTUDY_DRAIN="1")
        send_in_order(deployment, [*hanging, *asked])
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            labels.wait_for(len(asked), 240)
            assert {label.id for label in labels.all} == {request.id for request in asked}
            worker.kill()
            deployment.configure("hanging", teacher={"url": teacher.url, **teaching}, repeat_rate=0.0)
            deployment.worker("teacher", UNDERSTUDY_SLOT="s", UNDERSTUDY_DRAIN="1")
            labels.wait_for(FLOOD + len(asked), 240)
        wait_until(lambda: has_read_all(deployment, "teacher-waiting", waiting), 30, "all that was put off")
        deployment.stop()
    given = [LABEL.decode(one.value()) for one in everything(deployment, deployment.topics.labels)]
    assert Counter(label.id for label in given) == Counter(one.id for one in [*hanging, *asked])
    assert {label.source for label in given} == {"teacher"}
    put_off = Counter(DEFERRAL.decode(one.value()).request.task for one in everything(deployment, waiting))
    assert put_off["hanging"] > FLOOD // 2
    assert put_off.keys() == {"hanging"}


def test_killed_teachers_lose_nothing_and_pay_little_twice(deployment: Deployment) -> None:
    asked = wishes(REQUESTS, "asked")
    calls: Counter[str] = Counter()

    def answer(text: str) -> str:
        calls[text] += 1
        return meant(text)

    replies = deployment.topics.replies
    with SimulatedTeacher(answer, LABELS, SLOW) as teacher:
        teaching = {"url": teacher.url, "model": "m", "labels": LABELS, "concurrency": SLOTS}
        deployment.configure(TASK, teacher=teaching, repeat_rate=0.0)
        deployment.worker("route", "learn")
        deployment.send(asked)
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            for kill in range(1, KILLS + 1):
                worker = deployment.worker("teacher", UNDERSTUDY_SLOT="s")
                labels.wait_for(kill * REQUESTS // (KILLS + 2))
                worker.kill()
            deployment.worker("teacher", UNDERSTUDY_SLOT="s")
            labels.wait_for(REQUESTS)
            wait_until(
                lambda: has_read_all(deployment, "learn", deployment.topics.replies), 60, "all replies"
            )
        deployment.stop()
    given = Counter(
        LABEL.decode(message.value()).id for message in everything(deployment, deployment.topics.labels)
    )
    assert given == Counter(request.id for request in asked)
    assert calls.total() <= REQUESTS + KILLS * (SLOTS + UNCOMMITTED)
    assert len(everything(deployment, replies)) == REQUESTS, "what is answered is not asked again"


def test_a_policy_answers_what_waited_for_the_teacher(deployment: Deployment) -> None:
    """Most of a backlog from before the policy is not paid for."""
    asked = wishes(REQUESTS, "asked")
    with SimulatedTeacher(meant, LABELS, SLOW) as teacher:
        teaching = {"url": teacher.url, "model": "m", "labels": LABELS, "concurrency": 2}
        deployment.configure(TASK, teacher=teaching, repeat_rate=0.0, audit_rate=0.1, audit_enough=0)
        deployment.worker("route", "teacher", "learn")
        deployment.send(asked)
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            labels.wait_for(10)
            publish(deployment)
            labels.wait_for(REQUESTS)
        audits = deployment.topics.audits
        wait_until(lambda: has_read_all(deployment, "teacher-audits", audits), 60, "all audits")
        deployment.stop()
    given = [LABEL.decode(one.value()) for one in everything(deployment, deployment.topics.labels)]
    assert Counter(label.id for label in given) == Counter(request.id for request in asked)
    by_policy = [label for label in given if label.source == "surrogate"]
    assert len(by_policy) > REQUESTS / 2
    assert {(label.reason, label.policy) for label in by_policy} == {(Reason.ACCEPTED, VERSION)}
    traces = [TRACE.decode(one.value()) for one in everything(deployment, deployment.topics.traces)]
    checked = {trace.id for trace in traces if trace.audit}
    assert checked == {label.id for label in by_policy if label.audited}
    assert {trace.sampled for trace in traces if trace.reason is Reason.AUDIT} <= {True}


def send_in_order(deployment: Deployment, requests: Sequence[Request]) -> None:
    """With one key, so that they stand in one partition."""
    producer = deployment.producer()
    for request in requests:
        producer.produce(deployment.topics.requests, REQUEST.encode(request), b"key")
    assert producer.flush(30) == 0
