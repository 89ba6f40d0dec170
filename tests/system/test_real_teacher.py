"""The whole loop with one real, small LLM: it teaches by its answers, then its hidden states are read."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import openai
import pytest

from infra.harness.language_model import NAME, checkpoint_file
from infra.harness.language_model_process import SERVES
from models.embedders.prompt import Prompt
from schemas.codec import LABEL, TRACE
from schemas.messages import Label, Request
from schemas.teacher_config import TeacherConfig
from streams.teacher.answer import parse_answer
from streams.teacher.prompt import answer_format, messages
from tests.system.deployment import Deployment
from tests.system.topics import Inbox, decoded, everything

pytestmark = pytest.mark.alone

TASK = "orders"
LABELS = ("refund", "delivery")
TARGET = 0.8
TAUGHT, ASKED, AT_ONCE, CHECKED = 100, 30, 4, 6
WIDTH = 576
TEACHER_PROMPT = "Is it about a refund or a delivery?"
PROBE_PROMPT = f"{TEACHER_PROMPT}\n\nMessage: {{text}}\nIt is about a"
_PROCESS = "infra.harness.language_model_process"
_REFUNDS = (
    ("I want", "please send", "when do I get", "you owe me", "give me"),
    ("my money back", "a refund", "my refund"),
    ("for the shoes", "for order {}", "for the lamp", "for the tickets", "for the coat"),
)
_DELIVERIES = (
    ("where is", "when will you deliver", "please track", "who delivers", "when do I receive"),
    ("my parcel", "the package", "the delivery"),
    ("with the shoes", "of order {}", "with the lamp", "with the tickets", "with the coat"),
)


def texts(count: int) -> list[str]:
    """Different ones, always the same."""
    drawn = random.Random(TASK)
    found: dict[str, None] = {}
    while len(found) < count:
        parts = drawn.choice((_REFUNDS, _DELIVERIES))
        found[" ".join(drawn.choice(one) for one in parts).format(drawn.randint(1, 99))] = None
    return list(found)


@pytest.fixture
def llm(deployment: Deployment) -> Iterator[str]:
    """URL of its API."""
    if checkpoint_file() is None:
        pytest.skip("no SmolLM2: `make model` fetches it")
    process = deployment.process(_PROCESS, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    process.wait_for_text(SERVES)
    yield process.output().partition(SERVES)[2].split()[0]
    assert process.stop() == 0


def said_by(teacher: TeacherConfig, requests: Sequence[Request]) -> dict[str, str]:
    """What the LLM says to each, asked here and not by the stream, by id."""
    client = openai.OpenAI(base_url=teacher.url, api_key="none", timeout=120)
    form = answer_format(teacher.labels)
    assert form is not None
    found = {}
    for request in requests:
        asked = [*messages(request.text or "", teacher)]
        reply = client.chat.completions.create(model=NAME, messages=asked, response_format=form)
        found[request.id] = parse_answer(reply.choices[0].message.content or "", teacher.labels)
    return found


def send_slowly(deployment: Deployment, labels: Inbox[Label], requests: Sequence[Request]) -> list[Label]:
    """Their labels. A few are sent at a time: who reads an LLM on a CPU has seconds for a crowd of texts."""
    before = len(labels.all)
    for first in range(0, len(requests), AT_ONCE):
        part = requests[first : first + AT_ONCE]
        deployment.send(part)
        labels.wait_for(before + first + len(part))
    return labels.all[before:]


def test_an_llm_that_teaches_is_read_instead(deployment: Deployment, llm: str) -> None:
    """The surrogate reads nothing but the LLM's states, and says what the LLM would."""
    requests = [Request(f"r{number}", TASK, text) for number, text in enumerate(texts(TAUGHT + ASKED))]
    taught, asked = requests[:TAUGHT], requests[TAUGHT:]
    teaching = {"url": llm, "model": NAME, "prompt": TEACHER_PROMPT, "labels": LABELS, "timeout": 120.0}
    deployment.configure(
        TASK,
        embedder=f"probe:{llm}#{NAME}",
        probe_prompt=PROBE_PROMPT,
        teacher=teaching,
        target_agreement=TARGET,
        audit_rate=0.0,
        audit_early=0.0,
        refit={"at_least": TAUGHT},
    )
    learner = deployment.worker("learn", "trainer")
    router = deployment.worker("route", "encode", "teacher")
    router.wait_for_text("encoder is open: ")
    with (
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        send_slowly(deployment, labels, taught)
        assert {label.source for label in labels.all} == {"teacher"}
        learned = traces.wait_for(len(taught))
        assert {one.teacher.model for one in learned if one.teacher} == {NAME}
        made_by = f"probe:{NAME}@{Prompt.of(PROBE_PROMPT, ()).hash}"
        assert {(one.encoder, len(one.features or b"")) for one in learned} == {(made_by, 4 * WIDTH)}
        assert len({one.label for one in learned}) == 2, "a teacher that says one thing teaches nothing"

        router.wait_for_text(f"policy installed: version=v1 task={TASK}")
        answered = [one for one in send_slowly(deployment, labels, asked) if one.source == "surrogate"]
        assert len(answered) > len(asked) / 2
        assert [worker.stop() for worker in (router, learner)] == [0, 0]
    written = (LABEL.decode(message.value()) for message in everything(deployment, deployment.topics.labels))
    assert Counter(label.id for label in written) == Counter(request.id for request in requests)
    shown = {request.id for request in taught[:CHECKED]} | {label.id for label in answered}
    teacher = msgspec.convert(teaching, TeacherConfig)
    said = said_by(teacher, [request for request in requests if request.id in shown])
    given = {label.id: label.label for label in labels.all}
    assert all(given[request.id] == said[request.id] for request in taught[:CHECKED])
    agreed = sum(label.label == said[label.id] for label in answered)
    assert agreed >= TARGET * len(answered), f"{agreed} of {len(answered)}"
