"""A teacher that is away, or fails now and then, stops no version; one that mostly fails does."""

import threading
import time
from collections.abc import Sequence

from models.certificate import Certificate, budget_share, lower_bound
from schemas.codec import EVENT, LABEL
from schemas.events import AlarmDetails, AuditsFailedDetails, Event, EventKind
from schemas.messages import Deferral, Label, Reply, Request
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GOLD, GoldTeacher
from tests.system.test_certify import status, wait_for
from tests.system.topics import Inbox, decoded
from tests.system.versions import serving_state
from tests.system.wishes import TASK, answers, publish, wishes

OVERDUE = 3.0
BATCH = 100


class AbsentTeacher(GoldTeacher):
    """Answers while `present` is set."""

    def __init__(self, deployment: Deployment, answers: dict[str, str]) -> None:
        super().__init__(deployment, answers)
        self.present = threading.Event()
        self.present.set()

    def says(self, deferral: Deferral) -> str:
        self.present.wait(60)
        return super().says(deferral)


class FailingTeacher(GoldTeacher):
    """Fails for good on one of `every` requests."""

    def __init__(self, deployment: Deployment, answers: dict[str, str], every: float) -> None:
        super().__init__(deployment, answers)
        self._answer = self._reply
        self._every = every

    def _reply(self, deferral: Deferral) -> Reply:
        number = int(deferral.request.id.lstrip("fail"))
        if int(number / self._every) != int((number - 1) / self._every):
            return Reply(deferral, teacher=GOLD, error="the content filter refused it")
        return Reply(deferral, self.says(deferral), GOLD)


def test_an_absent_teacher_suspends_the_claim_alone(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0, repeat_rate=0.0, audit_overdue=OVERDUE)
    deployment.worker("route", "learn", "certify")
    requests = wishes(7 * BATCH, "away")
    with (
        AbsentTeacher(deployment, answers(requests)) as teacher,
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
        Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events,
    ):
        deployment.send(requests[: 4 * BATCH])
        wait_for(deployment, "a certificate", lambda found: found.certified and not found.pending)
        teacher.present.clear()
        left = time.monotonic() + 6 * OVERDUE
        for start in range(4 * BATCH, 7 * BATCH, BATCH // 2):
            deployment.send(requests[start : start + BATCH // 2])
            time.sleep(OVERDUE)
        away = wait_for(deployment, "a suspended claim", lambda found: bool(found.suspended))
        assert f"audits unanswered for more than {OVERDUE:g} s" in away.suspended
        assert (away.certified, away.alarms, away.failed) == (False, 0, 0)
        assert time.monotonic() >= left
        assert not serving_state(deployment).breaker.open
        teacher.present.set()
        back = wait_for(deployment, "the claim", lambda found: found.certified and not found.pending)
        assert (back.suspended, back.overdue, back.alarms) == ("", 0, 0)
        told = labels.wait_for(len(requests))
        wait_until(lambda: len(_kinds(events, _ABOUT_THE_VERSION)) >= 3, 30, "the events of the claim")
        kinds = _kinds(events, _ABOUT_THE_VERSION)
    assert sorted(label.id for label in told) == sorted(request.id for request in requests)
    assert sum(label.source == "surrogate" for label in told) > 0.8 * len(told)
    assert kinds == ["certified", "certificate_lost", "certified"]
    lost = next(event for event in events.all if event.kind is EventKind.CERTIFICATE_LOST)
    assert "certificate suspended" in lost.message
    deployment.stop()


def test_a_few_failures_certify_and_many_are_an_alarm(deployment: Deployment) -> None:
    publish(deployment)
    fields = {"audit_rate": 1.0, "repeat_rate": 0.0, "target_agreement": 0.9, "threshold": 0.5}
    deployment.configure(TASK, **fields)
    deployment.worker("route", "learn", "certify")
    requests = wishes(12 * BATCH, "fail")
    few, many = requests[: 6 * BATCH], requests[6 * BATCH :]
    with Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events:
        with FailingTeacher(deployment, answers(requests), every=20.0):
            labels = _send(deployment, few)
            audited = sum(label.audited for label in labels)
            found = wait_for(deployment, "all outcomes", lambda now: now.audits + now.failed >= audited)
        assert (found.audits + found.failed, found.pending, found.alarms) == (audited, 0, 0)
        assert 0.03 < found.failed / audited < 0.07
        assert found.certified
        counted = Certificate(audited, found.agreements)
        assert found.bound <= lower_bound(counted, budget_share(0.05, 1)) + 1e-9
        assert not serving_state(deployment).breaker.open
        with FailingTeacher(deployment, answers(requests), every=1 / 0.6):
            deployment.send(many)
            wait_until(lambda: serving_state(deployment).breaker.open, 90, "the breaker")
        wait_until(lambda: "alarm" in _kinds(events, {"alarm"}), 30, "the alarm")
    alarm = AlarmDetails.of(next(event for event in events.all if event.kind is EventKind.ALARM))
    assert alarm.cause == "silence"
    assert alarm.unanswered > 0
    failures = [AuditsFailedDetails.of(one) for one in events.all if one.kind is EventKind.AUDITS_FAILED]
    assert {one.error for one in failures} == {"the content filter refused it"}
    assert status(deployment).failed > found.failed
    deployment.stop()


_ABOUT_THE_VERSION = {"certified", "certificate_lost", "alarm", "audits_failed"}


def _kinds(events: Inbox[Event], kinds: set[str]) -> list[str]:
    return [event.kind.value for event in events.collect() if event.kind in kinds]


def _send(deployment: Deployment, requests: Sequence[Request]) -> list[Label]:
    with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        deployment.send(requests)
        return labels.wait_for(len(requests))
