"""The checker is silent where all is well, and names what a doctored topic lacks, doubles or miscounts."""

from copy import deepcopy
from typing import Any

import pytest

from infra.bench.chaos.checker import DOUBLED, LOST, SERVICE, WRONG, AuditCounts, Complaint, check
from tests.infra.bench.chaos.topics import AUDIT, COUNTED, SENT, WHOLE, asked, label, records, trace


def complaints_after(change: Any) -> list[Complaint]:
    topics = deepcopy(WHOLE)
    change(topics)
    return check(records(topics), SENT, COUNTED)


def test_whole_topics_give_no_complaint() -> None:
    assert complaints_after(lambda _: None) == []


@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        (lambda topics: topics["labels"].pop(1), LOST, "text-2 has no label, and 0 errors"),
        (lambda topics: topics["labels"].pop(3), LOST, "text-3 has no label, and 1 errors"),
        (
            lambda topics: topics["labels"].append(label("text-1", "teacher")),
            DOUBLED,
            "text-1 has 2 labels",
        ),
        (
            lambda topics: topics["labels"].append(label("text-2", "error")),
            DOUBLED,
            "text-2 was sent 1x and has 1 errors",
        ),
        (
            lambda topics: topics["labels"].append(label("text-9", "teacher")),
            DOUBLED,
            "text-9 was never sent",
        ),
        (
            lambda topics: topics["traces"].pop(0),
            LOST,
            "'text-2', 1, 'label') has neither a trace nor an error",
        ),
        (lambda topics: topics["traces"].append(trace("text-2")), DOUBLED, "has 2 traces"),
        (lambda topics: topics["deferrals"].append(asked("text-2")), DOUBLED, "is asked 2 times"),
        (lambda topics: topics["deferrals"].pop(0), LOST, "has a trace, and was never asked"),
        (
            lambda topics: topics["audits"].append(asked("text-2", first={"label": "track"})),
            LOST,
            "'text-2', 1, 'again') has neither a trace nor an error",
        ),
    ],
)
def test_a_doctored_topic_is_complained_of(change: Any, kind: str, what: str) -> None:
    (found,) = complaints_after(change)
    assert (found.kind, what in found.what) == (kind, True), found


def test_an_audit_without_a_trace_is_lost_and_miscounted() -> None:
    found = complaints_after(lambda topics: topics["traces"].pop())
    assert [one.kind for one in found] == [LOST, WRONG, WRONG], "of its version, and of all together"


@pytest.mark.parametrize(
    "counted",
    [
        {("text", "v1"): AuditCounts()},
        {("text", "v1"): AuditCounts(2, 2)},
        {("text", "v1"): AuditCounts(1, 0)},
        {("text", "v1"): AuditCounts(1, 1, pending=1)},
        {("text", "v2"): AuditCounts(1, 1)},
        {("text", SERVICE): AuditCounts(1, 0)},
    ],
)
def test_counts_of_redis_are_compared(counted: dict[tuple[str, str], AuditCounts]) -> None:
    (found,) = check(records(WHOLE), SENT, {**COUNTED, **counted})
    assert found.kind == WRONG


def test_a_second_question_may_fail() -> None:
    topics, again = deepcopy(WHOLE), asked("text-2", first={"label": "track"})
    topics["audits"].append(again)
    topics["replies"].append({"deferral": again, "error": "given up"})
    assert check(records(topics), SENT, COUNTED) == []


def test_audits_without_a_reply_are_pending_or_failed() -> None:
    topics = deepcopy(WHOLE)
    topics["audits"] += [asked("text-4", **AUDIT), asked("text-5", **AUDIT)]
    topics["audit-failures"] = [{"id": "text-4", "task": "text", "policy": "v1", "requested_at": 1}]
    found = check(records(topics), SENT, {**COUNTED, ("text", "v1"): AuditCounts(1, 1, 1, 1)})
    assert [one.what for one in found] == ["('text', 'text-5', 1, 'audit') has neither a trace nor an error"]
