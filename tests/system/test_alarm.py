"""The teacher changes its mind: the version is stopped, another one answers, and coverage comes back."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from schemas.codec import DEFERRAL, EVENT, LABEL
from schemas.events import Event, EventKind
from schemas.messages import Deferral, Label, Reason, Request
from streams.state.audits import AuditStore
from streams.versions.lifecycle import VersionStage
from streams.versions.promotion import PromotionPlan
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.versions import add, connected, live, serving_state, states_of
from tests.system.wishes import LABELS, TASK, VERSION, answers, publish, wishes

SHADOW, CANARY = PromotionPlan(VersionStage.SHADOW, 0.0, 50), PromotionPlan(VersionStage.CANARY, 0.5, 100)
BATCH = 60
MANY = 100
PAUSE = 0.2
"""Seconds between batches: a refit's process takes some to start, and requests are not endless."""


class Street:
    """Sends requests in batches, and waits until each batch is labelled."""

    def __init__(self, deployment: Deployment, labels: Inbox[Label]) -> None:
        self._deployment = deployment
        self._labels = labels

    def send(self, requests: Sequence[Request]) -> list[Label]:
        """The labels of these requests."""
        before = len(self._labels.all)
        self._deployment.send(requests)
        return self._labels.wait_for(before + len(requests))[before:]

    def send_until(self, happened: Callable[[list[Label]], bool], requests: Iterator[Request]) -> list[Label]:
        """Send batches until something has happened that the labels of the last one may tell."""
        for _ in range(MANY):
            labels = self.send([next(requests) for _ in range(BATCH)])
            if happened(labels):
                return labels
            time.sleep(PAUSE)
        raise AssertionError(f"not within {MANY} batches; the last: {labels[-1]}")


@contextmanager
def street(deployment: Deployment, gold: Mapping[str, str]) -> Iterator[Street]:
    with GoldTeacher(deployment, gold), Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        yield Street(deployment, labels)


def swapped(requests: Sequence[Request]) -> dict[str, str]:
    """The answers of a teacher for whom every label has changed its meaning."""
    after = dict(zip(LABELS, [*LABELS[1:], LABELS[0]], strict=True))
    return {request: after[label] for request, label in answers(requests).items()}


def told(deployment: Deployment, kind: EventKind) -> list[Event]:
    with Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events:
        wait_until(lambda: any(event.kind == kind for event in events.collect()), 30, f"an event {kind}")
        return [event for event in events.all if event.kind == kind]


def by(labels: Sequence[Label], version: str | None) -> list[Label]:
    return [label for label in labels if label.source == "surrogate" and label.policy == version]


def test_an_alarm_defers_all_until_a_refit(
    deployment: Deployment,
) -> None:
    refit = {"growth": 100.0, "at_least": 200}
    deployment.configure(TASK, audit_rate=0.5, alarm_run_length=100.0, label_floor=0.0, refit=refit)
    before, after = wishes(500, "before"), wishes(BATCH * MANY, "after")
    now = swapped(after)
    worker = deployment.worker("route", "learn", "certify", "trainer")
    with (
        street(deployment, {**answers(before), **now}) as sent,
        Inbox(
            deployment, deployment.topics.deferrals, decoded(DEFERRAL), deployment.topics.audits
        ) as deferrals,
    ):
        sent.send(before[:300])
        worker.wait_for_text("policy installed: version=v1")
        assert by(sent.send(before[300:]), "v1")
        drifted = iter(after)
        sent.send_until(lambda _: serving_state(deployment).breaker.open, drifted)
        worker.wait_for_text("breaker opened, everything is deferred: task=wishes")
        assert not by(sent.send([next(drifted) for _ in range(BATCH)]), "v1")
        labels = sent.send_until(lambda labels: len(by(labels, "v2")) > BATCH / 2, drifted)
        assert sum(now[label.id] == label.label for label in by(labels, "v2")) >= 0.9 * len(by(labels, "v2"))
        assert_deferred_and_sampled(deferrals.wait_for(500 + BATCH))
    assert not serving_state(deployment).breaker.stops("v2")
    assert states_of(deployment) == {"v1": VersionStage.ROLLED_BACK, "v2": VersionStage.LIVE}
    (alarm,) = told(deployment, EventKind.ALARM)
    assert (
        "the breaker is open, everything is deferred to the teacher, and a refit is requested"
        in alarm.message
    )
    deployment.stop()


def assert_deferred_and_sampled(deferrals: Sequence[Deferral]) -> None:
    stopped = [one for one in deferrals if one.reason is Reason.BREAKER_OPEN]
    assert len(stopped) > BATCH
    assert all(one.sampled and not one.audit for one in stopped)


def test_a_certified_version_is_restored(deployment: Deployment) -> None:
    deployment.configure(TASK, target_agreement=0.9, audit_rate=1.0, alarm_run_length=100.0, label_floor=0.0)
    requests = wishes(300 + BATCH * MANY, "restored")
    publish(deployment)
    worker = deployment.worker("route", "learn", "certify")
    with street(deployment, answers(requests)) as sent:
        sent.send(requests[:200])
        wait_until(lambda: stands(deployment, VERSION), 60, "a certificate of v1")
        add(deployment, 2, labels=(*LABELS[1:], LABELS[0]))
        worker.wait_for_text("policy installed: version=v2")
        sent.send_until(lambda _: live(deployment) == VERSION, iter(requests[300:]))
        installed = "policy installed: version=v1"
        wait_until(lambda: worker.output().count(installed) == 2, 30, "v1 to serve again")
        assert len(by(sent.send(requests[200:300]), VERSION)) > 50
    assert states_of(deployment) == {"v1": VersionStage.LIVE, "v2": VersionStage.ROLLED_BACK}
    assert not serving_state(deployment).breaker.open
    (alarm,) = told(deployment, EventKind.ALARM)
    assert "v1, which is still certified, is restored" in alarm.message
    deployment.stop()


def stands(deployment: Deployment, version: str) -> bool:
    return connected(
        deployment, lambda connection: AuditStore(connection, deployment.keys).is_restorable(TASK, version)
    )


def test_trials_end_by_the_teachers_answers(
    deployment: Deployment,
) -> None:
    deployment.configure(TASK, audit_rate=1.0)
    requests = iter(wishes(BATCH * MANY, "tried"))
    publish(deployment)
    worker = deployment.worker("route", "learn", "certify")
    with street(deployment, answers(wishes(BATCH * MANY, "tried"))) as sent:
        add(deployment, 2, SHADOW)
        worker.wait_for_text("trial started: version=v2")
        assert by(sent.send([next(requests) for _ in range(BATCH)]), "v1")
        sent.send_until(lambda _: states_of(deployment)["v2"] is VersionStage.LIVE, requests)
        worker.wait_for_text("policy installed: version=v2")
        add(deployment, 3, CANARY)
        worker.wait_for_text("trial started: version=v3")
        shared = sent.send([next(requests) for _ in range(BATCH)])
        assert by(shared, "v2")
        assert by(shared, "v3")
        sent.send_until(lambda _: states_of(deployment)["v3"] is VersionStage.LIVE, requests)
        add(deployment, 4, SHADOW, (*LABELS[1:], LABELS[0]))
        worker.wait_for_text("trial started: version=v4")
        answered = sent.send_until(lambda _: states_of(deployment)["v4"] is VersionStage.REFUSED, requests)
        assert not by(answered, "v4")
    assert live(deployment) == "v3"
    deployment.stop()
