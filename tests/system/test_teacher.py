"""The built-in teacher over real HTTP: its label or its failure reaches the client, once."""

from collections import Counter

from infra.demo.simulated_teacher import Manners, SimulatedTeacher
from infra.local.child import free_port
from schemas.codec import LABEL, REPLY
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import LABELS, TASK, meant, wishes

UNWELL = Manners(latency=0.02, wrong=0.0, throttled=0.1, failing=0.1)


def test_every_deferral_is_answered_though_the_endpoint_turns_calls_away(deployment: Deployment) -> None:
    asked = wishes(120, "asked")
    with SimulatedTeacher(meant, LABELS, UNWELL) as teacher:
        teaching = {
            "url": teacher.url,
            "model": "simulated",
            "labels": LABELS,
            "concurrency": 32,
            "retries": 8,
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
    assert all(reply.usage is not None and reply.usage.prompt_tokens > 0 for reply in replies)
    assert {reply.teacher.model for reply in replies if reply.teacher} == {"simulated"}


def test_a_teacher_that_has_failed_for_good_is_one_error_label_and_one_dead_letter_a_request(
    deployment: Deployment,
) -> None:
    nobody = {"url": f"http://127.0.0.1:{free_port()}/v1", "model": "gone", "labels": LABELS, "retries": 1}
    deployment.configure(TASK, teacher=nobody)
    deployment.worker("route", "teacher", "learn")
    failing, unconfigured = wishes(20, "failing"), wishes(5, "unconfigured", task="nobody-taught")
    deployment.send([*failing, *unconfigured])
    with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        labels.wait_for(len(failing) + len(unconfigured))
    wait_until(
        lambda: has_read_all(deployment, "learn", deployment.topics.replies), 60, "all replies are read"
    )
    deployment.stop()
    assert Counter(label.id for label in labels.all) == Counter(one.id for one in [*failing, *unconfigured])
    assert {(label.label, label.source, label.reason) for label in labels.all} == {
        (None, "error", "no_policy")
    }
    assert all("teacher.url" in label.error for label in labels.all if label.task == "nobody-taught")
    assert all("127.0.0.1" in label.error for label in labels.all if label.task == TASK)
    letters = everything(deployment, deployment.topics.dead_letters)
    dead = Counter(REPLY.decode(letter.value()).deferral.request.id for letter in letters)
    assert dead == Counter(label.id for label in labels.all)
    assert {dict(letter.headers())["_dlq.errors.stage"] for letter in letters} == {b"learn"}
