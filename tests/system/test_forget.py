"""A request or a task is forgotten: nobody uses its texts any more, and what is left of them is said."""

import json
from collections.abc import Sequence
from typing import Any

from redis import Redis

from schemas.codec import EVENT, FORGOTTEN, LABEL, REPLY, TRACE
from schemas.events import EventKind, RefitDetails
from schemas.messages import Deferral, Reason, Reply, Request, Trace
from streams.clock import unix_ms
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything
from tests.system.versions import asked
from tests.system.wishes import TASK, meant, publish, wishes

PERSON = "anna@example.org"
OTHER = "other"
TEXT = "please refund my payment to Anna Smith"


def trace(request: Request) -> Trace:
    now = unix_ms()
    return Trace(
        id=request.id,
        task=request.task,
        label=meant(request.text),
        reason=Reason.NO_POLICY,
        audit=False,
        sampled=True,
        embedder="text",
        requested_at=now,
        replied_at=now,
        text=request.text,
    )


def remember(deployment: Deployment, requests: Sequence[Request], partition: int | None = None) -> None:
    """Put their traces on the topic, round its partitions or on one."""
    producer = deployment.producer()
    for number, request in enumerate(requests):
        place = number % 4 if partition is None else partition
        producer.produce(deployment.topics.traces, TRACE.encode(trace(request)), b"key", partition=place)
    assert producer.flush(30) == 0


def forget(deployment: Deployment, *arguments: str, status: int) -> dict[str, Any]:
    """What the command reports."""
    ended = deployment.run("forget", *arguments, "--json")
    assert ended.returncode == status, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def held(report: dict[str, Any], topic: str) -> tuple[int, int]:
    """Messages that a topic held, and those of them that were removed."""
    found = next(one for one in report["topics"] if one["topic"] == topic)
    return found["messages"], found["removed"]


def test_no_refit_uses_a_forgotten_request(deployment: Deployment) -> None:
    deployment.configure(TASK, audit_rate=0.0)
    remember(deployment, [*wishes(400), Request(PERSON, TASK, TEXT), Request(PERSON, OTHER, TEXT)])
    deployment.worker("trainer")
    with Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events:

        def refits() -> list[int]:
            found = [event for event in events.collect() if event.kind is EventKind.REFIT]
            return [RefitDetails.of(event).traces for event in found]

        def promoted() -> int:
            return sum(event.kind is EventKind.PROMOTED for event in events.collect())

        wait_until(lambda: promoted() == 1, 90, "the first policy")
        assert refits() == [401]
        report = forget(deployment, "--id", PERSON, "--task", TASK, status=1)
        wait_until(lambda: len(refits()) == 2, 90, "the refit that the command asks for")
        assert refits() == [401, 400]
    assert held(report, deployment.topics.traces) == (1, 0), "that of the other task is another request"
    assert (report["refits"], report["policies"]) == ([TASK], [f"{TASK}/v1"])
    (marker,) = everything(deployment, deployment.topics.forgotten)
    assert PERSON.encode() not in marker.value() + marker.key()
    assert FORGOTTEN.decode(marker.value()).task == TASK


def test_a_late_reply_leaves_no_text(deployment: Deployment) -> None:
    deferral = Deferral(Request(PERSON, TASK, TEXT), Reason.NO_POLICY, False, True, "text", unix_ms())
    report = forget(deployment, "--id", PERSON, "--task", TASK, status=0)
    assert [one["messages"] for one in report["topics"]] == [0] * 8
    deployment.worker("learn")
    producer = deployment.producer()
    producer.produce(deployment.topics.replies, REPLY.encode(Reply(deferral, "refund")), b"key")
    assert producer.flush(30) == 0
    with (
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        (label,), (written,) = labels.wait_for(1), traces.wait_for(1)
    assert (label.label, written.label, written.text) == ("refund", "refund", None)
    again = forget(deployment, "--id", PERSON, status=0)
    assert held(again, deployment.topics.replies) == (1, 0)
    assert held(again, deployment.topics.traces) == (1, 1), "nothing else stood on its partition"
    expires = {one["topic"]: one["expires_at"] for one in again["topics"]}
    assert expires[deployment.topics.replies] > unix_ms()


def test_people_read_what_is_left(deployment: Deployment) -> None:
    remember(deployment, [*wishes(8), Request(PERSON, TASK, TEXT)])
    ended = deployment.run("forget", "--id", PERSON)
    assert ended.returncode == 1
    assert f"{deployment.topics.traces}: 1 left, the broker keeps them for ever" in ended.stdout
    assert "UNDERSTUDY_TRACES_RETENTION" in ended.stdout
    assert deployment.run("forget").returncode == 2


def test_a_forgotten_task_is_gone_and_others_stay(deployment: Deployment) -> None:
    for task in (TASK, OTHER):
        publish(deployment, task)
        deployment.configure(task, audit_rate=0.0)
    remember(deployment, wishes(8))
    remember(deployment, wishes(1, "o", OTHER), partition=0)
    remember(deployment, wishes(2, "late"), partition=0)
    router = deployment.worker("route")
    with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        deployment.send([*wishes(20, "before"), *wishes(20, "before-other", OTHER)])
        assert {label.task for label in labels.wait_for(2)} <= {TASK, OTHER}
        answered(deployment, labels, TASK, "yes")
        report = forget(deployment, "--task", TASK, status=1)
        wait_until(lambda: router.has_written("policy removed, because"), 30, "the router to drop the policy")
        refuses(deployment, TASK, "after")
        answered(deployment, labels, OTHER, "still")
        router.stop()
        deployment.worker("route")
        refuses(deployment, TASK, "restarted")
        answered(deployment, labels, OTHER, "restarted-other")
        publish(deployment)
        answered(deployment, labels, TASK, "published-again")
    assert held(report, deployment.topics.traces) == (10, 8)
    left = [TRACE.decode(message.value()) for message in everything(deployment, deployment.topics.traces)]
    assert sorted(one.id for one in left) == ["late0", "late1", "o0"]
    assert asked(deployment, lambda registry: registry.tasks()) == {TASK, OTHER}


def test_redis_keeps_two_counters_of_a_task(deployment: Deployment) -> None:
    for task in (TASK, OTHER):
        publish(deployment, task)
    forget(deployment, "--task", TASK, status=0)
    with Redis.from_url(deployment.redis) as redis:
        keys = {key.decode() for key in redis.scan_iter(f"{deployment.prefix}:*")}
    left = {key for key in keys if f"{{{TASK}}}" in key}
    assert left == {deployment.keys.fence(TASK), deployment.keys.serving_state(TASK)}
    assert deployment.keys.manifest(OTHER, "v1") in keys
    assert asked(deployment, lambda registry: registry.tasks()) == {OTHER}


def answered(deployment: Deployment, labels: Inbox[Any], task: str, name: str) -> None:
    """Fails unless the surrogate answers requests of the task by now."""
    rounds = iter(range(1000))

    def is_answered() -> bool:
        deployment.send(wishes(5, f"{name}-{next(rounds)}-", task))
        return any(label.task == task and label.id.startswith(f"{name}-") for label in labels.collect())

    wait_until(is_answered, 30, f"an answer for {task} ({name})")


def refuses(deployment: Deployment, task: str, name: str) -> None:
    """Fails unless all of these requests are deferred since there is no policy."""
    sent = {request.id for request in wishes(20, f"{name}-", task)}
    deployment.send(wishes(20, f"{name}-", task))
    with Inbox(deployment, deployment.topics.deferrals, _reason) as deferrals:
        wait_until(lambda: sent <= {name for name, _ in deferrals.collect()}, 30, "all to be deferred")
        assert {reason for name, reason in deferrals.all if name in sent} == {Reason.NO_POLICY}


def _reason(message: Any) -> tuple[str, Reason]:
    deferral = json.loads(message.value())
    return deferral["request"]["id"], Reason(deferral["reason"])
