"""Traffic changes: routers say so and why before any audit can, go on answering, and get a refit."""

import random

from schemas.codec import EVENT, LABEL
from schemas.events import Event, EventKind
from schemas.messages import Reason, Request
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.versions import requested_refits
from tests.system.wishes import TASK, VERSION, answers, publish, wishes

SENT = 1_200


def test_new_traffic_is_reported_and_refitted(deployment: Deployment) -> None:
    """Known traffic is answered meanwhile."""
    publish(deployment)
    deployment.configure(TASK, audit_rate=0.3, refit={"at_least": 200})
    deployment.worker("route", "learn", UNDERSTUDY_BATCH="200")
    known = wishes(SENT, "known")
    with (
        GoldTeacher(deployment, answers(known) | {each.id: "cancel" for each in strange()}),
        Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events,
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(mixed(known, strange()))
        wait_until(lambda: drift(events) != [], 60.0, "a drift event")
        (told,) = drift(events)
        assert told.details["version"] == VERSION
        assert "novelty" in told.details["signals"]
        assert "are beyond the novelty limit" in told.message
        wait_until(lambda: requested_refits(deployment) == 1, 10.0, "a refit is asked for")

        labelled = labels.wait_for(2 * SENT)
        answered = [label for label in labelled if label.reason is Reason.ACCEPTED]
        assert len(answered) > SENT / 2
        assert {label.policy for label in answered} == {VERSION}

        deployment.worker("trainer")
        wait_until(lambda: requested_refits(deployment) == 0, 120.0, "the refit that was asked for")
        promoted = [event for event in events.collect() if event.kind is EventKind.PROMOTED]
        assert promoted
        assert len(drift(events)) == 1
    deployment.stop()


def strange() -> list[Request]:
    """Of an intent that nobody has asked about before."""
    drawn = random.Random("strange")
    words = ("annuler", "l'abonnement", "tout de suite", "svp", "merci", "bonjour", "encore une fois")
    return [
        Request(f"strange{number}", TASK, " ".join(["résilier", *drawn.sample(words, 4)]))
        for number in range(SENT)
    ]


def mixed(*requests: list[Request]) -> list[Request]:
    together = [request for some in requests for request in some]
    random.Random(0).shuffle(together)
    return together


def drift(events: Inbox[Event]) -> list[Event]:
    return [event for event in events.collect() if event.kind is EventKind.DRIFT]
