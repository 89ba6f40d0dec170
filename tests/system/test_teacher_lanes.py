"""The teacher's lanes on real Kafka: a task that hangs holds up no other, and kill -9 loses nothing."""

from collections import Counter

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.silent_endpoint import silent_endpoint
from schemas.codec import LABEL, TRACE
from schemas.messages import Reason
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import LABELS, TASK, VERSION, meant, publish, wishes

SLOW = TeacherBehaviour(latency=0.3, wrong=0.0, throttled=0.0, failing=0.0)
SLOTS = 40
REQUESTS = 400
KILLS = 3
UNCOMMITTED = 60
"""Answers that a worker may hold beside its calls: those since its last commit."""


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
