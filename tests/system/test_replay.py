"""Dead letters are replayed: what has been repaired gets its label, what fails again is counted."""

import json
import subprocess
import threading
from typing import Any

from infra.harness.teacher import OutsideTeacher
from schemas.codec import LABEL, REQUEST
from schemas.messages import Deferral, Label, Reply, Request
from tests.system.deployment import Deployment, read_all
from tests.system.topics import Inbox, decoded, everything
from tests.system.wishes import TASK, meant, wishes

VECTORS = "vectors"
REQUESTS = 20


def command(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return deployment.run("dead-letters", *arguments)


def listed(deployment: Deployment, *arguments: str) -> list[dict[str, Any]]:
    ended = command(deployment, "list", "--json", *arguments)
    assert ended.returncode == 0, ended.stderr
    letters: list[dict[str, Any]] = json.loads(ended.stdout)["letters"]
    return letters


def answer(back: threading.Event, deferral: Deferral) -> Reply:
    if not back.is_set():
        return Reply(deferral, error="the teacher is away")
    if deferral.request.task == VECTORS:
        return Reply(deferral, "right")
    return Reply(deferral, meant(deferral.request.text))


def test_a_replay_after_an_outage_gives_labels(deployment: Deployment) -> None:
    """Each replaces its error; a request that is to be forgotten is not asked again."""
    back, topics, sent = threading.Event(), deployment.topics, wishes(REQUESTS)
    deployment.configure(TASK, repeat_rate=0.0)
    deployment.worker("route", "learn")
    with (
        OutsideTeacher(deployment, lambda deferral: answer(back, deferral)),
        Inbox(deployment, topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(sent)
        labels.wait_for(REQUESTS)
        deployment.send(sent[:1])
        labels.wait_for(REQUESTS + 1)
        deployment.run("forget", "--id", sent[1].id, "--task", TASK)
        back.set()
        assert command(deployment, "replay", "--stage", "learn", "--task", TASK).returncode == 1
        ended = command(deployment, "replay", "--stage", "learn", "--task", TASK, "--yes")
        assert ended.returncode == 1, "one is refused"
        assert ended.stdout.count(f"sent to {topics.requests}") == REQUESTS - 1
        assert "another letter asks for the same request" in ended.stdout
        assert "its text is to be forgotten" in ended.stdout
        labels.wait_for(2 * REQUESTS)
        (left,) = listed(deployment)
        assert left["id"] == sent[1].id
        again = command(deployment, "replay", "--yes", listed(deployment, "--all")[2]["position"])
        assert "it was replayed before" in again.stdout
    deployment.stop()
    assert [label.id for label in labels.all if label.source == "error"].count(sent[0].id) == 2
    answered = [label for label in labels.all if label.source == "teacher"]
    assert sorted(label.id for label in answered) == sorted({one.id for one in sent} - {sent[1].id})
    assert {label.supersedes for label in answered} == {True}
    asked = [REQUEST.decode(message.value()).id for message in everything(deployment, topics.requests)]
    assert asked.count(sent[1].id) == 1


def test_a_repaired_message_comes_through(deployment: Deployment) -> None:
    """Its bytes are sent as they came; until then its replays are counted, and stop after the third."""
    back, topics = threading.Event(), deployment.topics
    back.set()
    deployment.configure(VECTORS, embedder="precomputed", dimension=3, repeat_rate=0.0)
    deployment.worker("route", "learn")
    with OutsideTeacher(deployment, lambda deferral: answer(back, deferral)):
        deployment.send([Request("wide", VECTORS, embedding=[1.0, 2.0, 3.0, 4.0])])
        for attempt in range(4):
            # A letter for each attempt, and a mark for each replay.
            read_all(deployment, topics.dead_letters, 2 * attempt + 1)
            (letter,) = listed(deployment)
            assert letter["attempt"] == attempt
            status = command(deployment, "replay", "--reason", "needs 3", "--yes").returncode
            assert status == (1 if attempt == 3 else 0)
        deployment.configure(VECTORS, embedder="precomputed", dimension=4, repeat_rate=0.0)
        deployment.stop()
        deployment.worker("route", "learn")
        ended = command(deployment, "replay", "--force", "--yes")
        assert ended.returncode == 0, ended.stdout
        with Inbox(deployment, topics.labels, decoded(LABEL)) as labels:
            (label,) = labels.wait_for(1)
    deployment.stop()
    assert isinstance(label, Label)
    assert (label.id, label.label, label.supersedes) == ("wide", "right", False)
    values = [message.value() for message in everything(deployment, topics.requests)]
    assert len(values) == 5
    assert len(set(values)) == 1
    assert listed(deployment) == []
    assert len(listed(deployment, "--all")) == 4
