"""A certify role that is killed or hangs ends the answers; they come back with it."""

import signal

import pytest

from schemas.codec import LABEL
from schemas.messages import Label, Reason
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.wishes import TASK, answers, publish, wishes

STALENESS = 5.0


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_answers_end_while_nobody_counts_audits(deployment: Deployment, end: signal.Signals) -> None:
    publish(deployment)
    deployment.configure(TASK, guard_staleness=STALENESS, audit_rate=0.2, repeat_rate=0.0, threshold=0.5)
    router = deployment.worker("route", "learn")
    certifier = deployment.worker("certify")
    requests = wishes(4_000, "guard")
    sent = iter(requests)
    with (
        GoldTeacher(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):

        def is_answered(guarded: bool) -> bool:
            asked = next(sent)
            deployment.send([asked])
            wait_until(lambda: _label_of(labels, asked.id) is not None, 30, f"a label of {asked.id}")
            given = _label_of(labels, asked.id)
            assert given is not None
            return (given.source, given.reason) in (
                [("surrogate", Reason.ACCEPTED)] if guarded else [("teacher", Reason.UNGUARDED)]
            )

        wait_until(lambda: is_answered(guarded=True), 60, "an answer")
        certifier.process.send_signal(end)
        wait_until(lambda: is_answered(guarded=False), 60, "an end of the answers")
        router.wait_for_text("everything is deferred, since nobody counts audits")
        if end is signal.SIGSTOP:
            certifier.process.send_signal(signal.SIGCONT)
        else:
            deployment.worker("certify")
        wait_until(lambda: is_answered(guarded=True), 90, "answers again")
    deployment.stop()


def _label_of(labels: Inbox[Label], request: str) -> Label | None:
    labels.collect()
    return next((label for label in labels.all if label.id == request), None)
