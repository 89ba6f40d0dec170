"""Rows become traces that train; they certify only where the operator says so and no field objects."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from infra.errors import InvalidFile
from infra.seed.plan import FORGOTTEN_UNDATED, SeedPlan, SeedRules, plan_seed
from schemas.config import Config, TeacherConfig
from schemas.messages import Reason, Teacher
from streams.errors import MaskFailed
from streams.privacy.forgotten import ForgottenRequests, forgotten_request
from streams.recorded_calls.rows import LeftOut, PastCall

NOW = 1_764_000_000_000
LABELS = TeacherConfig(model="gpt-4.1-mini", labels=("track", "refund"), labels_renamed={"old": "refund"})


def row(said: str = "track", text: str | None = "where is it?", **fields: Any) -> PastCall:
    return PastCall("line 1", said, text, **{"at": NOW - 1000, "is_label": True} | fields)


def plan(*rows: PastCall | LeftOut, config: Config | None = None, **rules: Any) -> SeedPlan:
    return plan_seed(rows, SeedRules("tickets", config or Config(), NOW, 1_000_000, **rules))


def reasons(*rows: PastCall | LeftOut, **options: Any) -> dict[str, int]:
    return dict(plan(*rows, **options).left_out)


def test_a_row_becomes_a_trace_that_only_trains() -> None:
    [trace] = plan(row(id="7", model="gpt-4o")).traces
    assert (trace.id, trace.task, trace.label, trace.text) == ("7", "tickets", "track", "where is it?")
    assert (trace.reason, trace.audit, trace.sampled, trace.guess) == (Reason.SEEDED, False, False, None)
    assert (trace.requested_at, trace.replied_at, trace.teacher) == (
        NOW - 1000,
        NOW - 1000,
        Teacher("gpt-4o"),
    )


def test_only_the_operator_makes_a_sample_of_a_file() -> None:
    rows = [
        row(id="a"),
        row(id="b", model="openai/gpt-4.1-mini"),
        row(id="c", model="gpt-4.1-mini-2025-04-14"),
        row(id="d", model="gpt-4.1"),
        row(id="e", sampled=False),
    ]
    config = Config(teacher=LABELS)
    assert plan(*rows, config=config).sampled == 0
    said = plan(*rows, config=config, uniform=True)
    assert [trace.sampled for trace in said.traces] == [True, True, True, False, False]
    assert dict(said.not_sampled) == {
        "another model than the task's teacher answered": 1,
        "the file says that they are not sampled": 1,
    }


def test_a_sample_needs_to_know_its_age() -> None:
    rows = [row(text=text, at=None) for text in ("a", "b", "c")]
    with pytest.raises(InvalidFile, match=r"3 rows have no time.*--as-of"):
        plan(*rows, uniform=True)
    assert [trace.requested_at for trace in plan(*rows).traces] == [NOW - 2, NOW - 1, NOW]
    dated = plan(*rows, uniform=True, as_of=NOW - 500)
    assert [trace.replied_at for trace in dated.traces] == [NOW - 502, NOW - 501, NOW - 500]
    assert dated.sampled == 3


def test_ids_are_the_same_in_every_run_and_differ_between_rows() -> None:
    rows = [row(text="a"), row(text="a"), row("refund", "a"), row(text="b"), row(id="x" * 300)]
    names = [trace.id for trace in plan(*rows).traces]
    assert len(set(names)) == 5
    assert all(len(name) <= 256 for name in names)
    later = [trace.id for trace in plan(row(text="c"), *rows).traces]
    assert later[1:] == names
    assert reasons(row(id="1"), row("refund", "other", id="1")) == {"an earlier row has its id": 1}


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("track", "track"),
        (" Track. ", "track"),
        ('{"label": "refund"}', "refund"),
        ('```json\n{"label": "refund"}\n```', "refund"),
        ('{"intent": "refund", "why": "money"}', "refund"),
        ('{"intent": "refund", "second": "track"}', None),
        ("old", "old"),
        ("cancel", None),
        ("track or refund", None),
        ('{"intent": 3}', None),
    ],
)
def test_a_label_is_one_of_the_teacher_s_or_none(said: str, label: str | None) -> None:
    found = plan(row(said, is_label=False), config=Config(teacher=LABELS))
    assert [trace.label for trace in found.traces] == ([] if label is None else [label])
    if label is None:
        assert dict(found.left_out) == {"the answer is not one of `teacher.labels`": 1}
        assert found.first == {"the answer is not one of `teacher.labels`": "line 1"}


def test_any_label_of_one_line_where_the_task_lists_none() -> None:
    rows = [row("Inc."), row('{"kind": "a"}', is_label=False), row("a\nb"), row("x" * 300)]
    assert list(plan(*rows).labels) == ["Inc.", "a"]
    [named] = plan(row('{"a": "x", "b": "y"}', is_label=False), label_field="b").traces
    assert named.label == "y"
    with pytest.raises(InvalidFile, match=r"1,001 different labels.*--label-column"):
        plan(*(row(f"label {number}") for number in range(1001)))


def test_rows_bring_what_the_task_reads() -> None:
    vectors = Config(embedder="precomputed", dimension=2)
    [trace] = plan(row(text=None, embedding=[1.0, 2.0]), config=vectors).traces
    assert (trace.features, trace.text) == (np.array([1, 2], "<f4").tobytes(), None)
    bad = [row(), row(embedding=[1.0]), row(embedding=[1.0, float("nan")])]
    assert reasons(*bad, config=vectors) == {
        "it has no vector, and the task's `embedder` reads vectors": 1,
        "its vector is not 2 finite numbers": 2,
    }
    assert reasons(row(text=None)) == {"it has no text, and the task's `embedder` reads texts": 1}
    assert reasons(row(text=None), config=Config(embedder="model2vec:/m")) == {
        "it has no text, and the task's `embedder` reads texts": 1
    }


def test_texts_are_masked_or_left_out() -> None:
    [masked] = plan(row(), mask=str.upper).traces
    assert masked.text == "WHERE IS IT?"

    def fails(_: str) -> str:
        raise MaskFailed("no")

    assert reasons(row(), mask=fails) == {"its text can't be masked": 1}


def test_what_is_to_be_forgotten_stays_forgotten() -> None:
    forgotten = ForgottenRequests()
    forgotten.add(forgotten_request("tickets", "7", NOW))
    assert reasons(row(id="7"), row(id="8"), forgotten=forgotten) == {"its request is to be forgotten": 1}
    assert reasons(row(id="7", at=NOW + 1), forgotten=forgotten) == {}, "a later request is another one"
    assert reasons(row(id="7", at=None), forgotten=forgotten) == {FORGOTTEN_UNDATED: 1}
    assert reasons(row(id="7", at=None), forgotten=forgotten, as_of=NOW + 1) == {}


def test_the_future_and_what_is_too_large_are_left_out() -> None:
    assert reasons(row(at=NOW + 3_600_000)) == {"its time is in the future": 1}
    assert reasons(row(text="x" * 1_000_001)) == {"it is larger than a message may be": 1}
    assert reasons(LeftOut("line 3", "no label")) == {"no label": 1}


def test_a_plan_counts_everything() -> None:
    found = plan(row(), row("refund", "b"), LeftOut("line 3", "no label"))
    assert (found.read, len(found.traces), found.labels.total()) == (3, 2, 2)
    assert replace(found.traces[0], id="") != replace(found.traces[1], id="")
