"""A config message is applied whole or not at all, and answered either way."""

import pytest
from confluent_kafka import Message

from schemas.codec import EVENT
from schemas.config import Config, Refit
from schemas.events import Event, EventKind
from streams.roles.config import NewestConfig, answer_event, apply_config
from streams.tasks import Tasks
from tests.streams.fakes import message

AT = 77


def answered(value: bytes | None, key: bytes | None = b"t") -> Event:
    """The event as it is read from its topic."""
    return EVENT.decode(EVENT.encode(answer_event(message(value, key=key), AT)))


def test_applied_config_names_its_fields() -> None:
    event = answered(b'{"paused": true, "audit_rate": null, "refit": {"growth": 0.5}}')
    assert (event.kind, event.task, event.at) == (EventKind.CONFIG_APPLIED, "t", AT)
    assert event.message == "config for task t sets audit_rate, paused, refit"
    assert event.details == {"paused": True, "audit_rate": None, "refit": {"growth": 0.5}}
    assert answered(b"{}", b"*").message == answered(None, b"*").message
    assert answered(None, b"*").message == "config for all tasks puts the defaults back"


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        (b"t", b'{"paused": 3, "delta": 2, "teacher": {"speed": 1}}', ["paused", "delta", "teacher.speed"]),
        (
            b"t",
            b'{"embedder": "text>bert>onnx:", "delta": 2}',
            ["delta", "`bert` is none of", "`onnx:` must"],
        ),
        (b"t", b'{"embedder": 3}', ["embedder"]),
        (b"t", b'{"chat": {"text_in": "body", "text": "("}}', ["`chat.text`", "needs `chat.text_path`"]),
        (b"t", b"nonsense", ["not a JSON object"]),
        (b"two words", b"{}", ["two words"]),
        (None, b"{}", ["key"]),
        (b"\xff", b"{}", ["key"]),
    ],
)
def test_rejected_config_names_every_problem(key: bytes | None, value: bytes, named: list[str]) -> None:
    event = answered(value, key)
    assert event.kind == EventKind.CONFIG_REJECTED
    assert "changes nothing" in event.message
    problems = event.details["problems"]
    assert len(problems) == len(named)
    for problem, name in zip(problems, named, strict=True):
        assert name in problem
        assert problem in event.message


def test_an_invalid_config_changes_nothing() -> None:
    live = Tasks()
    valid = [message(b'{"paused": true}', key=b"*"), message(b'{"refit": {"growth": 1.5}}', key=b"t")]
    broken = [
        message(b'{"paused": false, "delta": 7}', key=b"t"),
        message(b'{"x":' + b"[" * 100_000, key=b"t"),
        message(b'{"audit_rate": 1}', key=None),
    ]
    newest = NewestConfig()
    apply_config([valid[0], *broken, valid[1]], live, newest)
    assert live.task("t").config == Config(paused=True, refit=Refit(growth=1.5))
    assert live.task("u").config == Config(paused=True)
    apply_config([message(None, key=b"*")], live, newest)
    assert live.task("t").config == Config(refit=Refit(growth=1.5)), "a tombstone takes its layer away"


def paused(value: bool, partition: int, at: int) -> Message:
    raw = b'{"paused": true}' if value else b'{"paused": false}'
    return message(raw, key=b"t", partition=partition, timestamp=(1, at))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_message_holds_in_any_order_of_partitions(order: tuple[int, int]) -> None:
    messages = [paused(False, 0, 1_000), paused(True, 1, 2_000)]
    live, newest = Tasks(), NewestConfig()
    for place in order:
        apply_config([messages[place]], live, newest)
    assert live.task("t").config.paused
    apply_config([paused(False, 1, 1_500)], live, newest)
    assert not live.task("t").config.paused, "later in the same partition, whatever its clock says"


def test_a_clock_ahead_does_not_outlast_what_is_said_later() -> None:
    live, newest = Tasks(), NewestConfig()
    apply_config([paused(False, 0, 2**46)], live, newest)
    apply_config([paused(True, 1, 2**45)], live, newest)
    assert live.task("t").config.paused
