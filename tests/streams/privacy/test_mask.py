"""No role writes a text that the operator's function has not masked."""

import asyncio
import json
import re

import pytest

from schemas.codec import REQUEST
from schemas.config import parse_override
from schemas.messages import Request
from streams.errors import InvalidSettings, MaskFailed
from streams.kafka.batch import Outgoing
from streams.privacy.mask import Mask, MaskedIntake, load_mask, mask_text
from streams.roles.route import STAGE, RouteRole
from streams.sampling import Sampler
from streams.settings import load_settings
from streams.tasks import Tasks
from tests.streams.fakes import TOPICS, ScriptedPolicy, deferrals, flat, labels, message, reasons, to

CARD = "4111111111111111"
TEXT = f"yes 0.9 0.1 {CARD}"


def mask_numbers(text: str) -> str:
    return re.sub(r" ?\d{16}", "", text)


def break_down(text: str) -> str:
    raise ValueError(f"what is {text}?")


def return_bytes(text: str) -> bytes:
    return text.encode()


def route(mask: Mask, *values: object, audit_rate: float = 0.0) -> list[Outgoing]:
    tasks = Tasks()
    tasks.set_policy("t", ScriptedPolicy())
    tasks.configure("t", parse_override(json.dumps({"audit_rate": audit_rate}).encode()))
    role = RouteRole(tasks, TOPICS, Sampler(b"key"), MaskedIntake(TOPICS.dead_letters, STAGE, mask))
    return flat(asyncio.run(role.route_batch([message(value) for value in values], 2000)))


def everything(outgoing: list[Outgoing]) -> bytes:
    return repr([(out.value, out.headers) for out in outgoing]).encode()


def test_the_surrogate_decides_on_the_masked_text() -> None:
    (label,) = labels(route(mask_numbers, Request("r", "t", TEXT)))
    assert (label.source, label.label) == ("surrogate", "yes")


def test_the_teacher_gets_the_masked_text() -> None:
    out = route(mask_numbers, Request("r", "t", TEXT), audit_rate=1.0)
    (deferral,) = deferrals(out)
    assert deferral.request.text == "yes 0.9 0.1"
    assert CARD.encode() not in everything(out)


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (break_down, "the text can't be masked: the mask raised ValueError"),
        (return_bytes, "the text can't be masked: the mask returned bytes, not str"),
    ],
)
def test_what_can_not_be_masked_is_a_dead_letter_without_it(mask: Mask, reason: str) -> None:
    out = route(mask, Request("r", "t", TEXT))
    (letter,) = to(out, TOPICS.dead_letters)
    assert out == [letter]
    assert letter.value is None
    assert reasons(out) == [reason]
    assert CARD.encode() not in everything(out)


def test_a_refused_request_is_not_repeated() -> None:
    unreadable = b'{"id": "r", "text": "' + CARD.encode() + b'"}'
    out = route(mask_numbers, unreadable, Request("r", "t", embedding=[1.0, 2.0]))
    assert [letter.value for letter in to(out, TOPICS.dead_letters)] == [None, None]
    assert CARD.encode() not in everything(out)
    headers = dict(to(out, TOPICS.dead_letters)[0].headers or [])
    assert (headers["_dlq.errors.topic"], headers["_dlq.errors.offset"]) == (b"x.in", b"0")


def test_a_role_that_fails_tells_the_type_alone() -> None:
    intake = MaskedIntake(TOPICS.dead_letters, STAGE, mask_numbers)
    letter = intake.failure(message(Request("r", "t", TEXT)), KeyError(TEXT))
    assert reasons([letter]) == ["KeyError"]
    assert CARD.encode() not in everything([letter])


def test_a_request_without_a_text_passes() -> None:
    records, letters = MaskedIntake(TOPICS.dead_letters, STAGE, break_down).decode_all(
        REQUEST, [message(Request("r", "t", embedding=[1.0]))]
    )
    assert [record.id for record, _ in records] == ["r"]
    assert not letters


def test_a_mask_is_found_by_its_name() -> None:
    assert load_mask(f"{__name__}:mask_numbers")(TEXT) == "yes 0.9 0.1"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no_such_module:mask", "can't be imported: ModuleNotFoundError"),
        ("json:no_such_function", "can't be imported: AttributeError"),
        (f"{__name__}:break_down", "failed on a test text: the mask raised ValueError"),
        (f"{__name__}:return_bytes", "failed on a test text: the mask returned bytes"),
    ],
)
def test_a_mask_that_can_not_be_used_is_named_at_start(name: str, says: str) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(says)):
        load_mask(name)


def test_the_name_of_a_mask_has_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_MASK", "json.dumps")
    with pytest.raises(InvalidSettings, match="mask"):
        load_settings()


def test_the_message_of_an_error_is_not_kept() -> None:
    with pytest.raises(MaskFailed) as failed:
        mask_text(break_down, CARD)
    assert CARD not in str(failed.value)
    assert failed.value.__cause__ is None
