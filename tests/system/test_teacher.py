"""The built-in teacher over real HTTP: its label or its failure reaches the client, once."""

import math
from collections import Counter

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.local.child import free_port
from schemas.codec import LABEL, REPLY
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import LABELS, TASK, meant, wishes

UNWELL = TeacherBehaviour(latency=0.02, wrong=0.0, throttled=0.1, failing=0.1)
WELL = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)
RETRY_AFTER_MS = 1_000.0


def test_refused_calls_are_repeated_until_answered(deployment: Deployment) -> None:
    asked = wishes(120, "asked")
    with SimulatedTeacher(meant, LABELS, UNWELL) as teacher:
        teaching = {
            "url": teacher.url,
            "model": "simulated",
            "labels": LABELS,
            "concurrency": 32,
        }
        deployment.configure(TASK, teacher=teaching)
        deployment.worker("route", "teacher", "learn")
        deployment.send(asked)
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            labels.wait_for(len(asked))
        deployment.stop()
    assert {label.id: label.label for label in labels.all} == {one.id: meant(one.text) for one in asked}
    assert {(label.source, label.error) for label in labels.all} == {("teacher", None)}
    replies = [REPLY.decode(message.value()) for message in everything(deployment, deployment.topics.replies)]
    assert all(reply.usage.prompt_tokens > 0 for reply in replies)
    assert all(reply.usage.completion_tokens == tokens_of_structured(reply.label) for reply in replies)
    waited = max(label.labelled_at - label.requested_at for label in labels.all)
    assert waited > RETRY_AFTER_MS, "what a 429 asks for was waited for"
    assert {reply.teacher.model for reply in replies if reply.teacher} == {"simulated"}


def test_a_failed_teacher_is_one_error_label(
    deployment: Deployment,
) -> None:
    """And one dead letter for each request."""
    nobody = {"url": f"http://127.0.0.1:{free_port()}/v1", "model": "gone", "labels": LABELS}
    deployment.configure("*", teacher={"give_up_after": 8})
    deployment.configure("failing", teacher=nobody)
    failing, unconfigured = wishes(20, "failing", "failing"), wishes(20, "unconfigured", "unconfigured")
    taught = wishes(20, "taught", "taught")
    with SimulatedTeacher(meant, LABELS, WELL) as teacher:
        there = {"url": teacher.url, "model": "there", "labels": LABELS, "give_up_after": 600}
        deployment.configure("taught", teacher=there)
        deployment.worker("route", "teacher", "learn")
        deployment.send(
            request for three in zip(failing, unconfigured, taught, strict=True) for request in three
        )
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as inbox:
            labels = {label.id: label for label in inbox.wait_for(60)}
        wait_until(
            lambda: has_read_all(deployment, "learn", deployment.topics.replies), 60, "no reply is left"
        )
        deployment.stop()
    assert len(everything(deployment, deployment.topics.labels)) == len(labels) == 60
    assert {labels[request.id].source for request in taught} == {"teacher"}, "those between them are answered"
    failed = [labels[request.id] for request in [*failing, *unconfigured]]
    assert {(label.label, label.source, label.reason) for label in failed} == {(None, "error", "no_policy")}
    errors = Counter(labels[request.id].error for request in failing)
    assert all(nobody["url"] in error for error in errors), errors
    assert all("`teacher.url` is not set" in labels[request.id].error for request in unconfigured)
    letters = everything(deployment, deployment.topics.dead_letters)
    dead = Counter(REPLY.decode(letter.value()).deferral.request.id for letter in letters)
    assert dead == Counter(label.id for label in failed)
    assert {dict(letter.headers())["_dlq.errors.stage"] for letter in letters} == {b"learn"}


def tokens_of_structured(label: str) -> int:
    """What the simulated teacher counts for an answer in JSON; a bare label has fewer."""
    return math.ceil(len(f'{{"label":"{label}"}}') / 4)
