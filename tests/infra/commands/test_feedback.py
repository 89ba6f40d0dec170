"""feedback: truths are kept beside the answers that clients got, the newest for each request."""

import json
from pathlib import Path

import pytest

from infra.serve.accuracy import TaskAccuracy, read_accuracy
from schemas.codec import LABEL
from schemas.messages import Label, Reason
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import write_messages
from streams.settings import Settings
from tests.infra.conftest import Run


def answer(settings: Settings, request: str, label: str | None, source: str = "surrogate") -> None:
    now = unix_ms()
    made = Label(request, "t", label, source, Reason.ACCEPTED, now, now, policy="v1")  # type: ignore[arg-type]
    write_messages(settings, [Outgoing(settings.topics.labels, request.encode(), LABEL.encode(made))])


def test_truths_are_joined_to_the_answers_and_the_newest_counts(
    understudy: Run, settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    answer(settings, "1", "x")
    answer(settings, "2", "y", "teacher")
    answer(settings, "3", None, "error")
    file = tmp_path / "checked.csv"
    file.write_text("id,label\n1,y\n2,y\n3,y\n4,y\n")
    first = understudy("feedback", file, "--task", "t")
    assert (first.status, first.err) == (
        0,
        "4 right labels written; 2 of their requests have a known answer\n",
    )
    assert read_accuracy(settings, {}) == {"t": TaskAccuracy(1, 0, 1, 1, 2)}
    shown = (
        "accuracy    of those with feedback, right are 0 of 1 answer of the surrogate (0.0%), "
        "1 of 1 answer of the teacher (100.0%); 2 more have feedback and no known answer"
    )
    assert shown in understudy("status").out
    file.write_text(json.dumps({"id": "1", "truth": "x"}))
    assert (
        understudy(
            "feedback", file.rename(tmp_path / "c.jsonl"), "--task", "t", "--label-column", "truth"
        ).status
        == 0
    )
    assert read_accuracy(settings, {}) == {"t": TaskAccuracy(1, 1, 1, 1, 2)}


def test_a_row_without_an_id_is_refused(understudy: Run, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "checked.csv"
    file.write_text("text,label\na,y\n")
    ended = understudy("feedback", file, "--task", "t")
    assert ended.status == 2
    assert "row 1: no id" in ended.err


def test_a_label_that_the_task_does_not_list_has_to_be_meant(
    understudy: Run, settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    assert understudy("config", "set", "t", "teacher.labels=x,y").status == 0
    file = tmp_path / "checked.csv"
    file.write_text("id,label\n1,X\n")
    refused = understudy("feedback", file, "--task", "t")
    assert refused.status == 2
    assert "id 1: `X` is none of `teacher.labels` (x, y); --new-labels" in refused.err
    assert read_accuracy(settings, {}) == {}
    assert understudy("feedback", file, "--task", "t", "--new-labels").status == 0
    assert read_accuracy(settings, {}) == {"t": TaskAccuracy(unknown=1)}
