"""A task whose texts become vectors by an encoder: the whole loop, and what happens without the encoder."""

import random
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from infra.harness.hanging_encoder import hanging_encoder
from infra.harness.waiting import wait_until
from models.embedders.loader import open_embedder
from models.embedders.reference import TEXTS
from schemas.codec import LABEL, TRACE
from schemas.messages import Label, Reason, Request
from tests.embeddings import EmbeddingServer, vector
from tests.encoders import PARCEL_WORDS, WIDTH, static
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded, everything, has_read_all
from tests.system.wishes import LABELS, TASK, VERSION, answers, meant, publish, wishes

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


KINDS = ("plain", "first", "second", "nobody")
"""Who can tell what is meant: the text, the first encoder, the second, or the teacher alone."""


def coded(count: int, name: str) -> list[Request]:
    """Requests of all kinds in turn; those that are not plain bear a code that no n-gram explains."""
    drawn, plain = random.Random(name), iter(wishes(count, name))
    texts = [f"{kind} {drawn.getrandbits(64):016x}" for kind in KINDS for _ in range(count // len(KINDS))]
    drawn.shuffle(texts)
    return [
        Request(f"{text.split()[0]}-{name}{at}", TASK, next(plain).text if text.startswith("plain") else text)
        for at, text in enumerate(texts)
    ]


def told(text: str) -> str:
    """What the teacher says."""
    kind, _, code = text.partition(" ")
    return LABELS[int(code, 16) % len(LABELS)] if kind in KINDS else meant(text)


def tier_vector(unknown: Sequence[str], text: str) -> list[float]:
    """A vector that tells the label of a text, unless it is of one of these kinds, or no wish."""
    is_known = text.split(maxsplit=1)[0] not in unknown and text not in TEXTS
    known = told(text) if is_known else None
    return [*(float(label == known) for label in LABELS), *vector(text)[len(LABELS) :]]


def tier_server(*unknown: str) -> EmbeddingServer:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        rows = [
            {"index": place, "embedding": tier_vector(unknown, text)}
            for place, text in enumerate(body["input"])
        ]
        return 200, {"data": rows}

    server = EmbeddingServer()
    server.answer = answer
    return server


def test_each_encoder_of_a_cascade_answers_what_is_left(deployment: Deployment) -> None:
    """The last is asked for the rest alone, and when it goes away the rest is deferred."""
    taught, asked, later = (
        coded(count, name) for count, name in ((800, "taught"), (160, "asked"), (160, "later"))
    )
    with tier_server("second", "nobody") as first, ExitStack() as until_it_goes:
        second = until_it_goes.enter_context(tier_server("nobody"))
        spec = f"text>endpoint:{first.url}#first>endpoint:{second.url}#second"
        deployment.configure(
            TASK,
            embedder=spec,
            target_agreement=0.95,
            audit_rate=0.0,
            audit_early=0.0,
            refit={"at_least": 700},
        )
        deployment.worker("learn")
        trainer, router = deployment.worker("trainer"), deployment.worker("route", "encode")
        with (
            GoldTeacher(deployment, {one.id: told(one.text or "") for one in [*taught, *asked, *later]}),
            Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
            Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
        ):
            deployment.send(taught)
            labels.wait_for(len(taught))
            brought = {(one.encoder, len(one.features or b"")) for one in traces.wait_for(len(taught))}
            assert brought == {("endpoint:first[8]>endpoint:second[8]", 4 * 16)}
            router.wait_for_text(f"policy installed: version=v1 task={TASK}")
            assert trainer.stop() == 0

            before = len(second.calls)
            deployment.send(asked)
            shares = answered_shares(labels, len(asked))
            assert min(shares[kind] for kind in ("plain", "first", "second")) > 0.6
            assert shares["nobody"] < 0.4
            read = {text.split()[0] for call in second.calls[before:] for text in call["input"]}
            assert read & set(KINDS) >= {"second", "nobody"}
            texts = {text for call in second.calls[before:] for text in call["input"]}
            spared = [request for request in asked if request.id.startswith(("plain", "first"))]
            assert sum(request.text in texts for request in spared) < 0.4 * len(spared)

            wait_until(lambda: bool(tiers_line(deployment)), 30, "`status` says what each tier brings")
            shown = tiers_line(deployment)
            assert "text answers" in shown
            assert "endpoint (2)" in shown

            until_it_goes.close()
            deployment.send(later)
            shares = answered_shares(labels, len(later))
            assert min(shares[kind] for kind in ("plain", "first")) > 0.6
            assert shares["second"] == shares["nobody"] == 0.0
            rest = [one for one in labels.all[-len(later) :] if one.source != "surrogate"]
            assert {label.reason for label in rest} == {Reason.NO_POLICY}
            lost = {one.id for one in rest if one.id.startswith("second")}
            learned = traces.wait_for(sum(label.source == "teacher" for label in labels.all))
            assert {one.features for one in learned if one.id in lost} == {None}
    deployment.stop()


def tiers_line(deployment: Deployment) -> str:
    """The line of `status` on the tiers, once both encoders have been measured; else nothing."""
    lines = [line for line in deployment.run("status").stdout.splitlines() if line.startswith("  tiers ")]
    return next((line for line in lines if line.count("ms a text") == 2), "")


def answered_shares(labels: Inbox[Label], count: int) -> dict[str, float]:
    """For each kind the share of the next labels that is the surrogate's."""
    before = len(labels.all)
    found = labels.wait_for(before + count)[before:]
    return {
        kind: mean(label.source == "surrogate" for label in found if label.id.startswith(kind))
        for kind in KINDS
    }


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
