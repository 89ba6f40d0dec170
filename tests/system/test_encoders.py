"""A task whose texts become vectors by an encoder: the whole loop, and what happens without the encoder."""

from pathlib import Path

import pytest

from infra.harness.hanging_encoder import hanging_encoder
from infra.harness.waiting import wait_until
from models.embedders.loader import open_embedder
from schemas.codec import LABEL, TRACE
from schemas.messages import Label, Reason
from tests.encoders import PARCEL_WORDS, WIDTH, static
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import TASK, VERSION, answers, publish, wishes

SENT = ((400, "taught"), (100, "asked"), (50, "later"), (100, "last"))


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return static(tmp_path / "encoder", words=PARCEL_WORDS)


def test_without_its_encoder_texts_are_deferred(
    deployment: Deployment, encoder: Path, tmp_path: Path
) -> None:
    """With it they are learned from, and answered, by vectors."""
    spec = f"model2vec:{encoder}"
    deployment.configure(TASK, embedder=spec, target_agreement=0.9, refit={"at_least": 300})
    deployment.worker("learn", "trainer")
    router = deployment.worker("route", "encode")
    taught, asked, later, last = (wishes(count, name) for count, name in SENT)
    with (
        GoldTeacher(deployment, answers([*taught, *asked, *later, *last])),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        deployment.send(taught)
        labels.wait_for(len(taught))
        brought = {(one.encoder, len(one.features or b"")) for one in traces.wait_for(len(taught))}
        assert brought == {(open_embedder(spec).id, 4 * WIDTH)}
        router.wait_for_text(f"policy installed: version=v1 task={TASK}")
        deployment.send(asked)
        assert by_surrogate(labels, len(asked)) > len(asked) / 2

        assert router.stop() == 0
        away = encoder.rename(tmp_path / "away")
        router = deployment.worker("route", "encode")
        assert router.has_written(f"`{spec}` can't be opened")
        router.wait_for_text("but no encoder is open, task=")
        deployment.send(later)
        assert by_surrogate(labels, len(later)) == 0
        assert {label.reason for label in labels.all[-len(later) :]} == {Reason.NO_POLICY}

        away.rename(encoder)
        router.wait_for_text(f"encoder is open: spec={spec} ")
        deployment.send(last)
        assert by_surrogate(labels, len(last)) > len(last) / 2
    deployment.stop()


def by_surrogate(labels: Inbox[Label], count: int) -> int:
    """How many of the next labels are the surrogate's."""
    before = len(labels.all)
    return sum(label.source == "surrogate" for label in labels.wait_for(before + count)[before:])


def test_a_hanging_encoder_holds_up_no_other_task(deployment: Deployment) -> None:
    """Nor does a kill -9 of the role that waits for it lose or double a label."""
    publish(deployment)
    slow, quick = wishes(100, "slow", task="hangs"), wishes(50, "quick")
    with (
        hanging_encoder() as spec,
        GoldTeacher(deployment, answers([*slow, *quick])),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.configure(TASK, audit_rate=0.0)
        deployment.configure("hangs", embedder=spec)
        deployment.worker("route").wait_for_text(f"policy installed: version={VERSION} task={TASK}")
        deployment.worker("learn")
        encoding = deployment.worker("encode")
        encoding.wait_for_text("encoder is open")
        deployment.send(slow)
        wait_until(lambda: has_read_all(deployment, "route", deployment.topics.requests), 60, "all is routed")
        deployment.send(quick)
        labels.wait_for(len(quick))
        assert {label.task for label in labels.all} == {TASK}
        encoding.kill()
        deployment.worker("encode")
        labels.wait_for(len(slow) + len(quick))
    deployment.stop()
    given = [LABEL.decode(one.value()) for one in everything(deployment, deployment.topics.labels)]
    assert sorted(label.id for label in given) == sorted(request.id for request in [*slow, *quick])
    assert {label.reason for label in given if label.task == "hangs"} == {Reason.NO_POLICY}
