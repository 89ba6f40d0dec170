"""A real, small LLM on the real stream: its hidden states are read, and another model is refused."""

from collections.abc import Sequence

import pytest

from infra.harness.language_model import NAME, LanguageModel, LanguageModelServer, checkpoint_file
from infra.harness.waiting import wait_until
from models.language_model.checkpoint import read_checkpoint
from schemas.codec import LABEL
from schemas.messages import Label, Reason, Request
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.wishes import LABELS, TASK, answers, wishes

pytestmark = pytest.mark.alone

OPEN = "encoder is open: "
OTHER_LAYER = 10
AT_ONCE = 4
SENT = ((250, "taught"), (30, "asked"), (15, "away"), (15, "changed"), (30, "last"))


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    file = checkpoint_file()
    if file is None:
        pytest.skip("no SmolLM2: `make model` fetches it")
    return LanguageModel(read_checkpoint(file))


def send_slowly(deployment: Deployment, labels: Inbox[Label], requests: Sequence[Request]) -> list[Label]:
    """Their labels. A few are sent at a time: who reads an LLM on a CPU has seconds for a crowd of texts."""
    before = len(labels.all)
    for first in range(0, len(requests), AT_ONCE):
        part = requests[first : first + AT_ONCE]
        deployment.send(part)
        labels.wait_for(before + first + len(part))
    return labels.all[before:]


def by_surrogate(labels: Sequence[Label]) -> int:
    return sum(label.source == "surrogate" for label in labels)


def test_a_real_llm_is_read_and_a_change_of_it_refused(deployment: Deployment, model: LanguageModel) -> None:
    taught, asked, away, changed, last = (wishes(count, name) for count, name in SENT)
    with GoldTeacher(deployment, answers([*taught, *asked, *away, *changed, *last])):
        probed = LanguageModelServer(model)
        spec, port = f"probe:{probed.url}#{NAME}", int(probed.url.rsplit(":", 1)[1].split("/")[0])
        deployment.configure(
            TASK,
            embedder=spec,
            teacher={"labels": LABELS},
            target_agreement=0.8,
            refit={"at_least": len(taught)},
        )
        deployment.worker("learn", "trainer")
        router = deployment.worker("route", "encode")
        router.wait_for_text(OPEN)
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            send_slowly(deployment, labels, taught)
            assert {label.source for label in labels.all} == {"teacher"}
            router.wait_for_text(f"policy installed: version=v1 task={TASK}")
            assert by_surrogate(send_slowly(deployment, labels, asked)) > len(asked) / 4

            probed.stop()
            assert by_surrogate(send_slowly(deployment, labels, away)) == 0
            with LanguageModelServer(model, layer=OTHER_LAYER, port=port):
                router.wait_for_text("is another model than the one that policies and traces know")
                assert by_surrogate(send_slowly(deployment, labels, changed)) == 0
                assert {label.reason for label in labels.all[-len(changed) :]} == {Reason.NO_POLICY}
            opened = router.output().count(OPEN)
            with LanguageModelServer(model, port=port):
                wait_until(lambda: router.output().count(OPEN) > opened, 120, "the first model is back")
                assert by_surrogate(send_slowly(deployment, labels, last)) > len(last) / 4
        deployment.stop()
