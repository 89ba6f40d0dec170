"""The teacher changes without a word: deferred requests say so, and get a refit and more audits."""

from schemas.codec import DEFERRAL, EVENT
from schemas.events import DriftDetails, Event, EventKind
from schemas.messages import Reason, Request
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.versions import asked, requested_refits
from tests.system.wishes import LABELS, TASK, VERSION, meant, publish, wishes

BEFORE, AFTER = 300, 300


def test_a_changed_teacher_shows_in_deferred_requests(deployment: Deployment) -> None:
    """Every request is deferred for its score, so that no audit can tell."""
    publish(deployment)
    deployment.configure(TASK, threshold=1.0, audit_rate=0.02, audit_enough=0)
    deployment.worker("route", "learn", "certify", UNDERSTUDY_BATCH="50")
    before, after = wishes(BEFORE, "before"), wishes(AFTER, "after")
    said = {one.id: meant(one.text) for one in before} | {one.id: other(one) for one in after}
    with (
        GoldTeacher(deployment, said),
        Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events,
        Inbox(deployment, deployment.topics.deferrals, decoded(DEFERRAL)) as deferrals,
    ):
        deployment.send(before)
        low = [one for one in deferrals.wait_for(BEFORE) if one.reason is Reason.LOW_SCORE]
        assert len(low) > 0.9 * BEFORE
        assert all(one.expected is not None for one in low)
        assert not is_drifting(deployment)
        deployment.send(after)
        wait_until(lambda: is_drifting(deployment), 60.0, "drift of the deferrals")
        deferrals.wait_for(BEFORE + AFTER)
        wait_until(lambda: drifts(events) != [], 30.0, "a drift event")
        (told,) = drifts(events)
        details = DriftDetails.of(told)
        assert (details.version, list(details.signals), details.refit) == (VERSION, ["deferrals"], True)
        assert requested_refits(deployment) == 1
    deployment.stop()


def drifts(events: Inbox[Event]) -> list[Event]:
    return [event for event in events.collect() if event.kind is EventKind.DRIFT]


def other(request: Request) -> str:
    """What the teacher says of it from now on."""
    return LABELS[(LABELS.index(meant(request.text)) + 1) % len(LABELS)]


def is_drifting(deployment: Deployment) -> bool:
    return asked(deployment, lambda registry: registry.sampling_state(TASK, VERSION)).drifting
