"""The teacher is asked twice about a share of what is sampled: counted once, never answered, and reported."""

from schemas.codec import EVENT, LABEL, TRACE
from schemas.events import EventKind
from schemas.messages import Deferral
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded, everything
from tests.system.versions import asked
from tests.system.wishes import TASK, answers, publish, wishes

REQUESTS = 300


class Forgetful(GoldTeacher):
    """Says something else the second time, of every third request."""

    def says(self, deferral: Deferral) -> str:
        if deferral.first is not None and int(deferral.request.id.removeprefix("twice")) % 3 == 0:
            return "whatever"
        return super().says(deferral)


def test_an_unsteady_teacher_is_reported(
    deployment: Deployment,
) -> None:
    """Every request still has one label and one trace."""
    deployment.configure(TASK, repeat_rate=1.0, audit_rate=1.0)
    requests = wishes(REQUESTS, "twice")
    learn = deployment.worker("learn")
    deployment.worker("route", "certify")
    with (
        Forgetful(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        deployment.send(requests[:150])
        traces.wait_for(60)
        learn.kill()
        deployment.worker("learn")
        deployment.send(requests[150:])
        traces.wait_for(2 * REQUESTS)
        wait_until(lambda: twice(deployment)[0] == REQUESTS, 60, "all second answers to be counted")
        publish(deployment)
        status = deployment.run("status")
    deployment.stop()
    every = [TRACE.decode(message.value()) for message in everything(deployment, deployment.topics.traces)]
    ids = sorted(request.id for request in requests)
    assert sorted(trace.id for trace in every if trace.first is None) == ids
    assert sorted(trace.id for trace in every if trace.first is not None) == ids
    labels = [LABEL.decode(message.value()) for message in everything(deployment, deployment.topics.labels)]
    assert sorted(label.id for label in labels) == ids
    assert "whatever" not in {label.label for label in labels}
    assert twice(deployment) == (REQUESTS, REQUESTS - REQUESTS // 3)
    events = [EVENT.decode(message.value()) for message in everything(deployment, deployment.topics.events)]
    (unsteady,) = [event for event in events if event.kind is EventKind.TEACHER_UNSTEADY]
    assert unsteady.details["ceiling"] < 0.95 == unsteady.details["target"]
    assert f"the teacher gave the same label {REQUESTS - REQUESTS // 3} of {REQUESTS} times" in status.stdout


def twice(deployment: Deployment) -> tuple[int, int]:
    found = asked(deployment, lambda registry: registry.repeat_counts(TASK))
    return found.asked, found.same
