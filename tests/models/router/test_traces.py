"""What a router records for the next fit, and which of it is a uniform sample."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.policy import Policy
from models.router.router import Router
from models.router.trace_log import TraceLog, TraceRecord
from tests.models.router.conftest import TARGET


def ask(texts: Sequence[str]) -> list[str]:
    return ["taught"] * len(texts)


def records(log: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "traces.jsonl"


def test_only_deferred_traces_are_no_sample(policy: Policy, mixed_texts: list[str], log: Path) -> None:
    with Router(policy, target=TARGET, fallback=ask, traces=log) as router:
        predictions = router.predict(mixed_texts)
    found = records(log)
    assert [record["id"] for record in found] == [one.id for one in predictions if not one.answered]
    assert {(record["sampled"], record["audit"]) for record in found} == {(False, False)}
    assert not any(one.audited for one in predictions)


def test_all_is_a_sample_while_nothing_is_answered(mixed_texts: list[str], log: Path) -> None:
    with Router(None, fallback=ask, traces=log) as router:
        router.predict(mixed_texts)
    found = records(log)
    assert [record["text"] for record in found] == mixed_texts
    assert {(record["sampled"], record["inclusion"], record["reason"]) for record in found} == {
        (True, 1.0, "no_policy")
    }


def test_all_is_a_sample_where_no_target_passed(policy: Policy, mixed_texts: list[str], log: Path) -> None:
    with Router(policy, target=0.9999, fallback=ask, traces=log) as router:
        router.predict(mixed_texts)
    assert {record["sampled"] for record in records(log)} == {True}


def test_audits_draw_from_answered_and_deferred_alike(
    policy: Policy, mixed_texts: list[str], log: Path
) -> None:
    with Router(policy, target=TARGET, fallback=ask, traces=log, audit_rate=0.3) as router:
        predictions = router.predict(mixed_texts * 40)
    found = {record["id"]: record for record in records(log)}
    for kind in (True, False):
        ids = [one.id for one in predictions if one.answered is kind]
        drawn = [name for name in ids if name in found and found[name]["sampled"]]
        assert 0.25 < len(drawn) / len(ids) < 0.35
    for one in predictions:
        record = found.get(one.id)
        if one.answered:
            assert one.audited == (record is not None)
            assert record is None or (record["sampled"] and record["audit"])
            assert one.label == one.guess
        else:
            assert record is not None
            assert not record["audit"]
    assert {record["inclusion"] for record in found.values()} == {0.3}


def test_a_failed_audit_takes_no_answer_away(
    policy: Policy, mixed_texts: list[str], log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(texts: list[str]) -> list[str]:
        raise ConnectionError("the LLM is away")

    answers = Router(policy, target=TARGET).predict(mixed_texts)
    answered = [text for text, one in zip(mixed_texts, answers, strict=True) if one.answered]
    with Router(policy, target=TARGET, fallback=fail, traces=log, audit_rate=1.0) as router:
        assert all(one.answered for one in router.predict(answered))
    assert records(log) == []
    assert caplog.text.count("audit failed") == len(answered)


async def test_closing_waits_for_audits(policy: Policy, mixed_texts: list[str], log: Path) -> None:
    answers = Router(policy, target=TARGET).predict(mixed_texts)
    text = next(text for text, one in zip(mixed_texts, answers, strict=True) if one.answered)
    async with Router(policy, target=TARGET, fallback=ask, traces=log, audit_rate=1.0) as router:
        prediction = await router.apredict(text)
        assert prediction.audited
    (record,) = records(log)
    assert record["id"] == prediction.id
    assert record["sampled"]
    assert record["guess"] == prediction.label
    assert record["label"] == "taught"


def test_a_trace_is_written_before_the_answer(log: Path) -> None:
    with Router(None, fallback=ask, traces=log) as router:
        for count in range(1, 4):
            router.predict("a text")
            assert len(records(log)) == count


def test_ids_are_those_of_the_caller(log: Path) -> None:
    with Router(None, fallback=ask, traces=log) as router:
        assert router.predict("a", ids="7").id == "7"
        router.predict(["b", "c"], ids=["8", "9"])
    assert [record["id"] for record in records(log)] == ["7", "8", "9"]


RECORD = TraceRecord("1", "yes", True, False, "no_policy", 1.0, 0, text="line\nbreak \u2028 \U0001f600")


def test_lines_are_whole_and_appended(log: Path) -> None:
    for _ in range(2):
        writer = TraceLog(log)
        assert writer.append([RECORD, RECORD])
        writer.close()
    assert [record["text"] for record in records(log)] == [RECORD.text] * 4


def test_a_lone_surrogate_is_written_as_a_mark(log: Path) -> None:
    with Router(None, fallback=ask, traces=log) as router:
        assert router.predict(["half \ud83d", "whole"])[0].label == "taught"
    assert [record["text"] for record in records(log)] == ["half ?", "whole"]


def test_a_torn_line_spoils_no_other(log: Path) -> None:
    log.parent.mkdir()
    log.write_bytes(b'{"id": "0", "la')
    writer = TraceLog(log)
    writer.append([RECORD])
    writer.close()
    torn, whole = log.read_bytes().splitlines()
    assert torn == b'{"id": "0", "la'
    assert msgspec.json.decode(whole)["id"] == "1"


def test_a_full_disk_loses_traces_not_answers(caplog: pytest.LogCaptureFixture) -> None:
    with Router(None, fallback=ask, traces="/dev/full") as router:
        assert router.predict("a text").label == "taught"
    assert "traces not written" in caplog.text
