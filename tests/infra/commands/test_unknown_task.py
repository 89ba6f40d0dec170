"""A task that nobody knows is no task with nothing yet: message and status 1, on embedded servers."""

import pytest

from schemas.codec import LABEL
from schemas.messages import Label, Reason
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import write_messages
from streams.settings import Settings
from tests.infra.conftest import Run

COMMANDS = (
    ("certificate", "shop"),
    ("policies", "list", "shop"),
    ("config", "get", "shop"),
    ("status", "shop"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_task_that_nobody_knows_is_a_finding(
    understudy: Run,
    settings: Settings,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    ended = understudy(*words)
    assert (ended.status, ended.out) == (1, "")
    assert "nobody knows a task shop" in ended.err
    label = Label("r", "shop", "track", "teacher", Reason.NO_POLICY, 1, 2)
    write_messages(settings, [Outgoing(settings.topics.labels, b"k", LABEL.encode(label))])
    known = understudy(*words)
    assert known.status == 0, known.err
    assert known.out
