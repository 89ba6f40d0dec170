"""A real, small LLM on the real stream: it teaches, its states are read, and another one is refused."""

import pytest

from infra.harness.language_model import NAME, LanguageModel, LanguageModelServer, checkpoint_file
from infra.harness.waiting import wait_until
from models.language_model.checkpoint import read_checkpoint
from schemas.codec import LABEL
from schemas.messages import Reason
from tests.system.deployment import Deployment
from tests.system.test_encoders import by_surrogate
from tests.system.topics import Inbox, decoded
from tests.system.wishes import LABELS, TASK, wishes

OPEN = "encoder is open: "
OTHER_LAYER = 10
SENT = ((200, "taught"), (40, "asked"), (20, "away"), (20, "changed"), (40, "last"))


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    file = checkpoint_file()
    if file is None:
        pytest.skip("no SmolLM2: `make model` fetches it")
    return LanguageModel(read_checkpoint(file))


def test_a_real_llm_is_read_and_a_change_of_it_refused(deployment: Deployment, model: LanguageModel) -> None:
    taught, asked, away, changed, last = (wishes(count, name) for count, name in SENT)
    with LanguageModelServer(model) as teacher:
        probed = LanguageModelServer(model)
        spec, port = f"probe:{probed.url}#{NAME}", int(probed.url.rsplit(":", 1)[1].split("/")[0])
        teaching = {"url": teacher.url, "model": NAME, "labels": LABELS, "timeout": 120}
        deployment.configure(
            TASK, embedder=spec, teacher=teaching, target_agreement=0.7, refit={"at_least": len(taught)}
        )
        deployment.worker("learn", "trainer", "teacher")
        router = deployment.worker("route", "encode")
        router.wait_for_text(OPEN)
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            deployment.send(taught)
            labels.wait_for(len(taught))
            assert {label.source for label in labels.all} == {"teacher"}
            assert len({label.label for label in labels.all}) > 1
            router.wait_for_text(f"policy installed: version=v1 task={TASK}")
            deployment.send(asked)
            assert by_surrogate(labels, len(asked)) > len(asked) / 4

            probed.stop()
            deployment.send(away)
            assert by_surrogate(labels, len(away)) == 0
            with LanguageModelServer(model, layer=OTHER_LAYER, port=port):
                router.wait_for_text("is another model than the one that policies and traces know")
                deployment.send(changed)
                assert by_surrogate(labels, len(changed)) == 0
                assert {label.reason for label in labels.all[-len(changed) :]} == {Reason.NO_POLICY}
            with LanguageModelServer(model, port=port):
                opened = router.output().count(OPEN)
                wait_until(lambda: router.output().count(OPEN) > opened, 120, "the first model is back")
                deployment.send(last)
                assert by_surrogate(labels, len(last)) > len(last) / 4
        deployment.stop()
