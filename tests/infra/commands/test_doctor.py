"""doctor on a real Kafka and Redis: what is well, what is missing, and what does not answer."""

import json

import pytest

from tests.infra.commands.room import TASK, Room


def found(room: Room) -> tuple[int, dict[str, list[str]]]:
    """The exit status, and what is said of each thing, by its level."""
    ended = room.run("doctor", "--json")
    said: dict[str, list[str]] = {}
    for each in json.loads(ended.out)["findings"]:
        said.setdefault(each["level"], []).append(f"{each['about']}: {each['text']}")
    return ended.status, said


def test_doctor_says_what_is_wrong_and_ends_with_1(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_AUDIT_KEY", "secret")
    status, said = found(room)
    assert (status, said.get("problem")) == (0, None)
    assert any("all 14 topics are there" in text for text in said["ok"])
    assert any("start `understudy worker certify`" in text for text in said["warning"])

    nobody = "http://user:hidden@127.0.0.1:1/v1"
    assert room.run("config", "set", TASK, f"teacher.url={nobody}", "teacher.model=m").status == 0
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", "redis://:hidden@127.0.0.1:1/0")
    status, said = found(room)
    assert status == 1
    assert any("does not answer" in text and "UNDERSTUDY_REDIS__URL" in text for text in said["problem"])
    assert any("127.0.0.1:1/v1 of task wishes does not answer" in text for text in said["problem"])
    assert "hidden" not in str(said)

    monkeypatch.setenv("UNDERSTUDY_PREFIX", "nobody-made-these")
    status, said = found(room)
    assert status == 1
    assert any("run `understudy topics create`" in text for text in said["problem"]), said
