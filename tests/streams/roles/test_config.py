"""A config message is applied whole or not at all, and answered either way."""

import pytest

from schemas.codec import EVENT
from schemas.config import Config, Refit
from schemas.events import Event, EventKind
from streams.roles.config import answer_event, apply_config
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
    apply_config([valid[0], *broken, valid[1]], live)
    assert live.task("t").config == Config(paused=True, refit=Refit(growth=1.5))
    assert live.task("u").config == Config(paused=True)
    apply_config([message(None, key=b"*")], live)
    assert live.task("t").config == Config(refit=Refit(growth=1.5)), "a tombstone takes its layer away"
