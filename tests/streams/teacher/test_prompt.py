"""The teacher's prompt, and the changes that make another teacher."""

import msgspec
import pytest

from schemas.config import TeacherConfig
from streams.errors import NothingToAsk, TeacherMisconfigured
from streams.teacher.prompt import answer_format, messages, with_reminder
from streams.teacher.prompt_hash import prompt_hash

CONFIG = TeacherConfig(labels=("refund", "{labels}", "refund"), prompt='Say {"a": {0}} or {b}:\n{labels}\n{}')


def test_only_the_placeholder_is_replaced() -> None:
    system, user = messages("a {labels} b", CONFIG)
    assert system["content"] == 'Say {"a": {0}} or {b}:\nrefund\n{labels}\n{}'
    assert user == {"role": "user", "content": "a {labels} b"}


def test_a_vector_without_text_can_not_be_asked() -> None:
    with pytest.raises(NothingToAsk, match="`text`"):
        messages(None, CONFIG)


def test_a_prompt_that_lists_labels_needs_some() -> None:
    with pytest.raises(TeacherMisconfigured, match=r"`teacher\.labels`"):
        messages("hello", TeacherConfig())
    assert messages("hello", TeacherConfig(prompt="In one word."))[0]["content"] == "In one word."


def test_the_hash_is_of_template_and_labels() -> None:
    hashed = prompt_hash(CONFIG)
    assert len(hashed) == 12
    assert int(hashed, 16) >= 0
    elsewhere = msgspec.structs.replace(CONFIG, url="http://b", model="m", retries=1, temperature=1.0)
    assert prompt_hash(elsewhere) == hashed
    told_otherwise = [
        msgspec.structs.replace(CONFIG, prompt=CONFIG.prompt + " "),
        msgspec.structs.replace(CONFIG, labels=("refund",)),
        msgspec.structs.replace(CONFIG, labels=("{labels}", "refund")),
    ]
    assert len({hashed, *map(prompt_hash, told_otherwise)}) == 4


def test_the_format_lists_the_labels() -> None:
    assert answer_format(()) is None
    structure = answer_format(CONFIG.labels)
    assert structure is not None
    assert structure["json_schema"]["strict"] is True
    assert structure["json_schema"]["schema"] == {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["refund", "{labels}"]}},
        "required": ["label"],
        "additionalProperties": False,
    }


def test_a_reminder_repeats_question_and_labels() -> None:
    asked = messages("hello", CONFIG)
    spoken, reminder = with_reminder(asked, "no idea", CONFIG.labels)[2:]
    assert spoken == {"role": "assistant", "content": "no idea"}
    assert "refund\n{labels}" in str(reminder["content"])
    assert [message["role"] for message in with_reminder(asked, " ", ())] == ["system", "user", "user"]
