"""A copy of the config serves until the topic is read, and no longer."""

from pathlib import Path

import pytest

from streams.roles.config_copy import ConfigCopy
from streams.tasks import Tasks


def url(tasks: Tasks, task: str) -> str | None:
    return tasks.task(task).config.teacher.url


def test_a_start_without_kafka_knows_the_tasks(tmp_path: Path) -> None:
    file = tmp_path / "config" / "p.json"
    before = Tasks()
    copy = ConfigCopy(file, before)
    before.configure("early", {"teacher": {"url": "http://early"}})
    copy.note_applied(["early"])
    assert not file.exists(), "half a topic is no copy"
    copy.note_read()
    assert file.stat().st_mode & 0o077 == 0, "a URL may hold a password"
    before.configure("late", {"teacher": {"url": "http://late"}})
    copy.note_applied(["late"])

    tasks = Tasks()
    restarted = ConfigCopy(file, tasks)
    tasks.configure("early", {"teacher": {"url": "http://new"}})
    restarted.note_applied(["early"])
    restarted.restore()
    assert (url(tasks, "early"), url(tasks, "late")) == ("http://new", "http://late")
    restarted.note_read()
    assert url(tasks, "late") is None, "the topic does not say so any more"
    again = Tasks()
    ConfigCopy(file, again).restore()
    assert (url(again, "early"), url(again, "late")) == ("http://new", None)


@pytest.mark.parametrize("content", [None, b"{", b"[1]", b'{"t": {"audit_rate": 5}}'])
def test_a_bad_copy_changes_nothing(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    if content is not None:
        file.write_bytes(content)
    tasks = Tasks()
    ConfigCopy(file, tasks).restore()
    assert not tasks.overrides
