"""explain on an embedded broker: one request, from what the topics hold of it."""

import json
from typing import Any

from schemas.codec import AUDIT_FAILURE, DEFERRAL, LABEL, TRACE
from schemas.messages import AuditFailure, Guess, Label, Reason
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import write_messages
from streams.settings import Settings
from tests.infra.conftest import Run
from tests.streams.fakes import deferral, trace

GUESS = Guess("yes", 0.875, 0.5, "v3")


def write(settings: Settings) -> None:
    """An audited answer, one whose check failed, a deferral that waits, and one that the teacher labelled."""
    topics = settings.topics
    answered: dict[str, Any] = {"score": 0.875, "threshold": 0.75, "policy": "v3", "audited": True}
    surrogate: dict[str, Any] = {
        "task": "t",
        "label": "yes",
        "source": "surrogate",
        "reason": Reason.ACCEPTED,
    }
    times: dict[str, Any] = {"requested_at": 1_000, "labelled_at": 1_250}
    checked: dict[str, Any] = {"audit": True, "reason": Reason.AUDIT, "guess": GUESS, "threshold": 0.75}
    failed = AuditFailure("lost", "t", "v3", 1_000, 2_000, "content filter")
    messages = [
        (topics.labels, LABEL.encode(Label("checked", **surrogate, **times, **answered))),
        (topics.labels, LABEL.encode(Label("lost", **surrogate, **times, **answered))),
        (
            topics.labels,
            LABEL.encode(Label("asked", "t", "no", "teacher", Reason.LOW_SCORE, 5, 9, 0.25, 0.75)),
        ),
        (topics.labels, LABEL.encode(Label("checked", "other", "no", "teacher", Reason.NO_POLICY, 1, 2))),
        (topics.audits, DEFERRAL.encode(deferral("checked", **checked))),
        (topics.deferrals, DEFERRAL.encode(deferral("waits"))),
        (
            topics.traces,
            TRACE.encode(trace("checked", "no", **checked, requested_at=1_000, replied_at=3_000)),
        ),
        (topics.audit_failures, AUDIT_FAILURE.encode(failed)),
    ]
    write_messages(settings, [Outgoing(topic, b"k", value) for topic, value in messages])


def test_one_request_is_explained(understudy: Run, settings: Settings) -> None:
    write(settings)
    shown = understudy("explain", "t", "checked")
    assert shown.status == 0, shown.err
    assert (
        "v3 answered it with 'yes', since the score 0.8750 is at or above the threshold 0.7500" in shown.out
    )
    assert "the teacher says 'no'" in shown.out
    assert "yes, in the sample" in shown.out
    assert "250 ms later" in shown.out
    assert "hello" not in shown.out, "texts of customers are not printed"
    found = json.loads(understudy("explain", "t", "checked", "--json").out)
    assert (found["label"], found["source"], found["reason"]) == ("yes", "surrogate", "accepted")
    assert (found["version"], found["score"], found["threshold"]) == ("v3", 0.875, 0.75)
    assert (found["trace"], found["requested_at"], found["replied_at"]) == (True, 1_000, 3_000)
    assert "failed: content filter" in understudy("explain", "t", "lost").out
    waits = understudy("explain", "t", "waits")
    assert "since the score 0.2500 is below the threshold 0.7500; it waits for the teacher" in waits.out
    assert "the teacher's label is 'no'" in understudy("explain", "t", "asked").out


def test_an_unknown_request_is_said_to_be_unknown(understudy: Run, settings: Settings) -> None:
    write(settings)
    for task, request in (("t", "never"), ("elsewhere", "checked")):
        ended = understudy("explain", task, request)
        assert (ended.status, ended.out) == (1, "")
        assert f"nothing is known of request '{request}' of task {task}" in ended.err
