"""Operators' config: in force within a second and without a refit, or answered by every problem it has."""

from collections import Counter

from schemas.codec import EVENT, LABEL
from schemas.messages import Event, EventKind, Label, Reason, Request
from streams.clock import unix_ms
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.wishes import TASK, answers, publish, wishes

PROMPTLY = 1_000


def test_a_config_message_changes_the_routing_within_a_second_and_without_a_refit(
    deployment: Deployment,
) -> None:
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


def test_an_invalid_message_changes_nothing_and_one_event_names_all_its_problems(
    deployment: Deployment,
) -> None:
    publish(deployment)
    deployment.configure("*", audit_rate=0.0)
    deployment.worker("route", "certify")
    deployment.configure(TASK, delta=7, speed="high", refit={"at_least": 0})
    deployment.configure("no/task", paused=True)
    with Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events:
        found: list[Event] = events.wait_for(3)
    rejected = {
        event.task: event.details["problems"] for event in found if event.kind is EventKind.CONFIG_REJECTED
    }
    assert set(rejected) == {TASK, "no/task"}
    assert [problem.split(":")[0] for problem in rejected[TASK]] == ["`delta`", "`speed`", "`refit.at_least`"]
    with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        deployment.send(wishes(30, "unchanged"))
        labels.wait_for(20)
    assert {label.source for label in labels.all} == {"surrogate"}
    deployment.stop()


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
