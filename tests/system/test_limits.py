"""Limits on the teacher's calls hold over all workers, and at a day's limit the operator's choice decides."""

from collections import Counter

import pytest

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from schemas.codec import EVENT, LABEL
from schemas.events import EventKind
from schemas.messages import Label, Reason
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything
from tests.system.wishes import LABELS, TASK, meant, publish, wishes

QUICK = TeacherBehaviour(latency=0.02, wrong=0.0, throttled=0.0, failing=0.0)
REQUESTS = 300
CEILING = 60


@pytest.mark.parametrize("choice", ["wait", "error", "answer"])
def test_a_day_s_limit_holds_over_two_workers(deployment: Deployment, choice: str) -> None:
    """A policy guesses all labels, and its threshold by hand lets it answer none of them."""
    asked = wishes(REQUESTS, "asked")
    calls: Counter[str] = Counter()

    def answer(text: str) -> str:
        calls[text] += 1
        return meant(text)

    with SimulatedTeacher(answer, LABELS, QUICK) as teacher:
        limits = {"calls_per_day": CEILING, "calls_in_flight": 6}
        teaching = {
            "url": teacher.url,
            "model": "m",
            "labels": LABELS,
            "limits": limits,
            "at_ceiling": choice,
        }
        deployment.configure(
            TASK, teacher=teaching, repeat_rate=0.0, audit_rate=0.0, audit_early=0.0, threshold=1.0
        )
        publish(deployment)
        for slot in ("a", "b"):
            deployment.worker("route", "teacher", "learn", UNDERSTUDY_SLOT=slot)
        deployment.send(asked)
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            labels.wait_for(CEILING if choice == "wait" else REQUESTS)
            wait_until(lambda: len(_told(deployment)) == 3, 30, "events about the limit")
        deployment.stop()
    given = [LABEL.decode(one.value()) for one in everything(deployment, deployment.topics.labels)]
    assert calls.total() == CEILING
    assert (
        _sources(given)
        == {
            "wait": {("teacher", Reason.LOW_SCORE): CEILING},
            "error": {("teacher", Reason.LOW_SCORE): CEILING, ("error", Reason.BUDGET): REQUESTS - CEILING},
            "answer": {
                ("teacher", Reason.LOW_SCORE): CEILING,
                ("surrogate", Reason.BUDGET): REQUESTS - CEILING,
            },
        }[choice]
    )
    assert max(Counter(label.id for label in given).values()) == 1
    assert sorted(_told(deployment)) == [0.5, 0.8, 1.0]


def _sources(labels: list[Label]) -> Counter[tuple[str, Reason]]:
    return Counter((label.source, label.reason) for label in labels)


def _told(deployment: Deployment) -> list[float]:
    """Levels of the limit that events have told of."""
    events = [EVENT.decode(one.value()) for one in everything(deployment, deployment.topics.events)]
    return [event.details["level"] for event in events if event.kind is EventKind.SPENDING]
