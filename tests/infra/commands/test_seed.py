"""seed: what it writes, once; what it only says; and what it asks of a file that is to certify."""

import json
from pathlib import Path

import pytest

from schemas.codec import FORGOTTEN, TRACE
from schemas.messages import Reason, Trace
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import Reader, write_messages
from streams.privacy.forgotten import forgotten_request
from streams.settings import Settings
from tests.infra.conftest import Run


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    file = tmp_path / "calls.jsonl"
    rows = [{"id": str(number), "text": f"text {number}", "label": "xy"[number % 2]} for number in range(5)]
    file.write_text("\n".join(map(json.dumps, [*rows, {"text": "no answer"}])))
    return file


def traces(settings: Settings) -> list[Trace]:
    reader = Reader(settings, settings.topics.traces, from_start=True)
    try:
        return [TRACE.decode(message.value()) for message in reader.to_end()]
    finally:
        reader.close()


def test_a_second_run_writes_only_what_is_new(understudy: Run, settings: Settings, calls: Path) -> None:
    first = understudy("seed", calls, "--task", "t")
    assert (first.status, first.err) == (0, "")
    assert "6 records: 5 traces for the task t" in first.out
    assert "certifying    0; all of them only train" in first.out
    assert "left out      1: no label (the first: line 6)" in first.out
    assert first.out.endswith("written: 5 traces\n")
    with calls.open("a") as file:
        file.write('\n{"id": "new", "text": "more", "label": "x"}')
    again = understudy("seed", calls, "--task", "t")
    assert again.out.endswith("written: 1 traces; the topic has 5 already\n")
    found = traces(settings)
    assert sorted(trace.id for trace in found) == ["0", "1", "2", "3", "4", "new"]
    assert {(trace.reason, trace.sampled) for trace in found} == {(Reason.SEEDED, False)}


def test_a_dry_run_writes_nothing(understudy: Run, settings: Settings, calls: Path) -> None:
    ended = understudy("seed", calls, "--task", "t", "--dry-run", "--json")
    assert ended.status == 0
    report = json.loads(ended.out)
    assert {name: report[name] for name in ("task", "read", "traces", "sampled", "written", "known")} == {
        "task": "t",
        "read": 6,
        "traces": 5,
        "sampled": 0,
        "written": 0,
        "known": 0,
    }
    assert (report["labels"], report["left_out"]) == ({"x": 3, "y": 2}, {"no label": 1})
    assert traces(settings) == []


def test_a_sample_needs_a_time(understudy: Run, settings: Settings, calls: Path) -> None:
    refused = understudy("seed", calls, "--task", "t", "--uniform-sample")
    assert (refused.status, refused.out) == (2, "")
    assert "5 rows have no time" in refused.err
    assert understudy("seed", calls, "--task", "t", "--uniform-sample", "--as-of", "2999-01-01").status == 2
    done = understudy("seed", calls, "--task", "t", "--uniform-sample", "--as-of", "2025-11-24")
    assert "5, since --uniform-sample says that the file is a sample; the sample lacks the 1" in done.out
    assert all(trace.sampled and trace.replied_at < 1_764_000_000_000 for trace in traces(settings))


def test_what_is_to_be_forgotten_is_not_written(understudy: Run, settings: Settings, calls: Path) -> None:
    record = forgotten_request("t", "3", unix_ms())
    write_messages(settings, [Outgoing(settings.topics.forgotten, b"k", FORGOTTEN.encode(record))])
    ended = understudy("seed", calls, "--task", "t")
    assert "left out      1: its request is to be forgotten" in ended.out
    assert sorted(trace.id for trace in traces(settings)) == ["0", "1", "2", "4"]


def test_a_file_without_traces_ends_with_status_1(
    understudy: Run, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "questions.csv").write_text("question,verdict\na,x\n")
    ended = understudy("seed", tmp_path / "questions.csv", "--task", "t")
    assert ended.status == 1
    assert "left out      1: no label" in ended.out
    named = understudy("seed", tmp_path / "questions.csv", "--task", "t", "--label-column", "verdict")
    assert named.status == 0
