"""The encoder that a config names, and the prompt in which a probe reads a text."""

import pytest
from msgspec.structs import replace

from schemas.config import Config, LabelExample, TeacherConfig
from streams.encoder_spec import EncoderSpec, encoder_spec

PROBE = "probe:http://localhost:8080/v1#m"
TEACHER = TeacherConfig(
    prompt="Choose: {labels}",
    labels=("refund", "track"),
    labels_renamed={"money": "refund"},
    label_descriptions={"money": "wants money back"},
    examples=(LabelExample("pay me", "money"), LabelExample("hello", "greeting")),
)


def read_in(config: Config) -> str:
    spec = encoder_spec(config)
    assert spec is not None
    assert spec.prompt is not None
    return spec.prompt.around("where is it?")


def test_a_probe_is_told_what_the_teacher_is_told() -> None:
    assert read_in(Config(embedder=PROBE, teacher=TEACHER)) == (
        "Choose: refund\ntrack\n\nWhat the labels mean:\nrefund: wants money back\n\n"
        "Message: pay me\nLabel: refund\n\nMessage: where is it?\nLabel:"
    )


def test_without_descriptions_and_examples_the_prompt_is_that_of_earlier_releases() -> None:
    teacher = TeacherConfig(prompt="Choose: {labels}", labels=("a", "b"))
    assert read_in(Config(embedder=PROBE, teacher=teacher)) == "Choose: a\nb\n\nMessage: where is it?\nLabel:"


def test_a_task_may_have_a_prompt_of_its_own() -> None:
    config = Config(embedder=f"text>{PROBE}", teacher=TEACHER, probe_prompt="<|user|>{text} ({descriptions})")
    assert read_in(config) == "<|user|>where is it? (refund: wants money back)"


def test_a_probes_own_prompt_is_not_for_the_decision_model_beside_it() -> None:
    prompts = []
    for own in (None, "<|user|>{text}"):
        spec = encoder_spec(Config(embedder="decisions:http://h/v1#m", teacher=TEACHER, probe_prompt=own))
        assert spec is not None
        assert spec.prompt is not None
        prompts.append(spec.prompt)
    assert prompts[0].question_hash == prompts[1].question_hash
    assert "Choose: refund" in prompts[1].instruction


def test_a_change_that_an_encoder_does_not_read_leaves_it_open() -> None:
    described = replace(TEACHER, label_descriptions={"track": "asks where it is"})
    both = f"text>{PROBE}>decisions:http://h/v1#m"
    before, after = (
        encoder_spec(Config(embedder=both, teacher=teacher, probe_prompt="<|user|>{text}"))
        for teacher in (TEACHER, described)
    )
    assert before is not None
    assert after is not None
    (probe, decisions), (same_probe, other_decisions) = before.parts, after.parts
    assert probe == same_probe
    assert decisions != other_decisions
    assert probe.prompt is not None
    assert probe.prompt.around("hi") == "<|user|>hi"


@pytest.mark.parametrize(
    ("own", "is_shared"), [("{text}\nTopic and tone:", True), ("{labels}\n{text}", False), (None, False)]
)
def test_tasks_share_a_probe_whose_prompt_names_no_labels(own: str | None, is_shared: bool) -> None:
    topic, tone = (
        encoder_spec(Config(embedder=embedder, teacher=TeacherConfig(labels=labels), probe_prompt=own))
        for embedder, labels in ((PROBE, ("refund", "track")), (f"text>{PROBE}", ("angry", "pleased")))
    )
    assert topic is not None
    assert tone is not None
    assert (topic.parts == tone.parts) is is_shared


@pytest.mark.parametrize("embedder", ["text", "precomputed", "text>precomputed"])
def test_what_a_request_brings_needs_no_encoder(embedder: str) -> None:
    assert encoder_spec(Config(embedder=embedder)) is None


def test_another_encoder_has_no_prompt() -> None:
    config = Config(embedder="text+onnx:/models/minilm", probe_prompt="{text}")
    assert encoder_spec(config) == EncoderSpec("onnx:/models/minilm")
