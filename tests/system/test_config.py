"""Operators' config: in force within a second and without a refit, or answered by every problem it has."""

from collections import Counter
from typing import Any

import pytest

from schemas.codec import DEFERRAL, EVENT, LABEL
from schemas.events import EventKind
from schemas.messages import Deferral, Label, Reason, Request
from streams.clock import unix_ms
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.wishes import TASK, answers, publish, wishes

PROMPTLY = 1_000
OTHER = "other"


class AskingClient:
    """Asks one question at a time, which either a label or a deferral ends."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._labels = Inbox[Label](deployment, deployment.topics.labels, decoded(LABEL))
        self._deferrals = Inbox[Deferral](deployment, deployment.topics.deferrals, decoded(DEFERRAL))
        self._asked = 0

    def __enter__(self) -> "AskingClient":
        return self

    def __exit__(self, *_: object) -> None:
        for inbox in (self._labels, self._deferrals):
            inbox.__exit__(None, None, None)

    def fate(self, task: str = TASK) -> Reason:
        """How a request is decided now."""
        self._asked += 1
        name = f"question{self._asked}-"
        self._deployment.send(wishes(1, name, task))
        found: list[Reason] = []

        def over() -> bool:
            found.extend(label.reason for label in self._labels.collect() if label.id == f"{name}0")
            found.extend(
                deferral.reason for deferral in self._deferrals.collect() if deferral.request.id == f"{name}0"
            )
            return bool(found)

        wait_until(over, 30, f"an answer to {name}0")
        return found[0]

    def wait_for(self, reason: Reason, task: str = TASK) -> None:
        """Ask until a request is decided like this."""
        wait_until(lambda: self.fate(task) is reason, 15, f"{reason} for {task}")


@pytest.fixture
def routed(deployment: Deployment) -> Deployment:
    """A policy that answers both tasks, at work."""
    deployment.configure("*", audit_rate=0.0)
    for task in (TASK, OTHER):
        publish(deployment, task)
    deployment.worker("route", "certify")
    return deployment


def test_config_changes_routing_within_a_second(
    deployment: Deployment,
) -> None:
    """Without a refit."""
    publish(deployment)
    deployment.worker("route", "learn", "certify")
    asked = wishes(60, "config")
    with (
        GoldTeacher(deployment, answers(asked)),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
        Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events,
    ):
        deployment.configure(TASK, audit_rate=0.0, paused=True)
        assert reasons_a_second_later(deployment, labels, asked[:20]) == {Reason.OPERATOR: 20}
        deployment.configure(TASK, audit_rate=0.0, paused=False)
        assert reasons_a_second_later(deployment, labels, asked[20:40])[Reason.ACCEPTED] > 15
        deployment.configure(TASK, audit_rate=0.0, threshold=1.0)
        assert reasons_a_second_later(deployment, labels, asked[40:])[Reason.ACCEPTED] == 0
        applied = [event for event in events.wait_for(3) if event.kind is EventKind.CONFIG_APPLIED]
    assert [event.task for event in applied] == [TASK] * 3
    assert {label.policy for label in labels.all} == {"v1"}
    deployment.stop()


def test_a_task_s_config_overrides_that_for_all(routed: Deployment) -> None:
    with AskingClient(routed) as client:
        assert (client.fate(), client.fate(OTHER)) == (Reason.ACCEPTED, Reason.ACCEPTED)
        routed.configure(TASK, paused=False)
        routed.configure("*", audit_rate=0.0, paused=True)
        client.wait_for(Reason.OPERATOR, OTHER)
        client.wait_for(Reason.ACCEPTED)
        routed.configure("*", audit_rate=0.0, target_agreement=0.999999)
        client.wait_for(Reason.UNCERTIFIED, OTHER)


def test_an_invalid_config_changes_nothing(routed: Deployment) -> None:
    """One event names all of its problems."""
    with (
        AskingClient(routed) as client,
        Inbox(routed, routed.topics.events, decoded(EVENT)) as events,
    ):
        routed.configure(TASK, paused=True)
        client.wait_for(Reason.OPERATOR)
        producer = routed.producer()
        place: dict[str, Any] = {
            "topic": routed.topics.config,
            "partition": partition_of_config(routed, TASK),
        }
        producer.produce(**place, key=TASK, value=b'{"paused":false,"threshold":7,"refit":{"often":1}}')
        producer.produce(**place, key=OTHER, value=b'{"paused":true}')
        assert producer.flush(10) == 0
        client.wait_for(Reason.OPERATOR, OTHER)
        assert client.fate() is Reason.OPERATOR, "although what came later on the partition is in force"
        wait_until(
            lambda: any(event.task == OTHER for event in events.collect()),
            30,
            "the event about what came later",
        )
    rejected = [event for event in events.all if event.kind is EventKind.CONFIG_REJECTED]
    assert [event.task for event in rejected] == [TASK]
    problems = rejected[0].details["problems"]
    assert [problem.split(":")[0] for problem in problems] == ["`threshold`", "`refit.often`"]


def reasons_a_second_later(
    deployment: Deployment, labels: Inbox[Label], asked: list[Request]
) -> Counter[Reason]:
    """Why requests that are sent a second from now get the answers that they get."""
    written = unix_ms()
    while unix_ms() < written + PROMPTLY:
        labels.collect()
    before = len(labels.all)
    deployment.send(asked)
    return Counter(label.reason for label in labels.wait_for(before + len(asked))[before:])


def partition_of_config(deployment: Deployment, task: str) -> int:
    """Where the messages of a key go."""
    with Inbox(deployment, deployment.topics.config, lambda message: message) as inbox:
        wait_until(
            lambda: any(message.key() == task.encode() for message in inbox.collect()), 30, "its config"
        )
    return next(message.partition() for message in inbox.all if message.key() == task.encode())
