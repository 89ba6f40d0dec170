"""The teacher's prompt, and the changes that make another teacher."""

import msgspec
import pytest

from schemas.config import LabelExample, TeacherConfig
from streams.errors import TeacherMisconfigured
from streams.teacher.prompt import answer_format, messages, with_reminder
from streams.teacher.prompt_hash import prompt_hash

CONFIG = TeacherConfig(labels=("refund", "{labels}", "refund"), prompt='Say {"a": {0}} or {b}:\n{labels}\n{}')


def test_only_the_placeholder_is_replaced() -> None:
    system, user = messages("a {labels} b", CONFIG)
    assert system["content"] == 'Say {"a": {0}} or {b}:\nrefund\n{labels}\n{}'
    assert user == {"role": "user", "content": "a {labels} b"}


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
        msgspec.structs.replace(CONFIG, label_descriptions={"refund": "wants money"}),
        msgspec.structs.replace(CONFIG, examples=(LabelExample("money!", "refund"),)),
        msgspec.structs.replace(CONFIG, examples=(LabelExample("money!", "{labels}"),)),
        msgspec.structs.replace(CONFIG, api="decisions"),
        msgspec.structs.replace(CONFIG, reasoning_effort="low"),
    ]
    assert len({hashed, *map(prompt_hash, told_otherwise)}) == 1 + len(told_otherwise)


def test_settings_that_are_not_set_leave_the_hash() -> None:
    """Certificates of earlier releases go on."""
    assert prompt_hash(TeacherConfig(prompt="Say {labels}", labels=("yes", "no"))) == "07e0f1acccf0"
    unused = msgspec.structs.replace(
        CONFIG, label_descriptions={"other": "?"}, examples=(LabelExample("?", "other"),), confidence=True
    )
    assert prompt_hash(unused) == prompt_hash(CONFIG)


def test_a_new_name_alone_leaves_the_hash() -> None:
    before = TeacherConfig(
        labels=("refund",),
        label_descriptions={"refund": "wants money"},
        examples=(LabelExample("money!", "refund"),),
    )
    after = msgspec.structs.replace(before, labels=("money back",), labels_renamed={"refund": "money back"})
    assert prompt_hash(after) == prompt_hash(before)
    assert [message["content"] for message in messages("hello", after)][1:] == [
        "money!",
        "money back",
        "hello",
    ]
    assert "\nmoney back: wants money" in str(messages("hello", after)[0]["content"])


def test_examples_and_meanings_are_told() -> None:
    config = msgspec.structs.replace(
        CONFIG,
        prompt="One of:\n{labels}",
        label_descriptions={"refund": "wants money", "gone": "?"},
        examples=(LabelExample("money!", "refund"), LabelExample("?", "gone")),
    )
    assert messages("hello", config) == (
        {
            "role": "system",
            "content": "One of:\nrefund\n{labels}\n\nWhat the labels mean:\nrefund: wants money",
        },
        {"role": "user", "content": "money!"},
        {"role": "assistant", "content": "refund"},
        {"role": "user", "content": "hello"},
    )
    free = TeacherConfig(prompt="?", examples=(LabelExample("money!", "refund"),))
    assert len(messages("hello", free)) == 4, "without a label set any label may be shown"


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
