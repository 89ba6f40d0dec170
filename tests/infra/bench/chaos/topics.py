"""Topics as a run leaves them: three requests, one of them answered by the surrogate and audited."""

from typing import Any

from infra.bench.chaos.checker import SERVICE, AuditCounts
from infra.bench.chaos.observer import Record

SENT = {"text-1": 1, "text-2": 1, "text-3": 2}
COUNTED = {("text", "v1"): AuditCounts(1, 1, 0, 0), ("text", SERVICE): AuditCounts(1, 1)}

GUESS = {"label": "track", "score": 0.9, "novelty": 0.0, "policy": "v1"}


def label(name: str, source: str, at: int = 1) -> dict[str, Any]:
    return {"id": name, "task": "text", "source": source, "requested_at": at}


def asked(name: str, at: int = 1, **fields: Any) -> dict[str, Any]:
    about = {"audit": False, "sampled": True, "reason": "low_score", "requested_at": at}
    return {"request": {"id": name, "task": "text"}, **about, **fields}


def trace(name: str, at: int = 1, **fields: Any) -> dict[str, Any]:
    about = {"audit": False, "sampled": True, "reason": "low_score", "requested_at": at}
    return {"id": name, "task": "text", "label": "track", **about, **fields}


AUDIT: dict[str, Any] = {"audit": True, "reason": "audit", "guess": GUESS}
WHOLE: dict[str, list[dict[str, Any]]] = {
    "labels": [
        label("text-1", "surrogate"),
        label("text-2", "teacher"),
        label("text-3", "error"),
        label("text-3", "teacher", at=2),
    ],
    "deferrals": [asked("text-2"), asked("text-3"), asked("text-3", at=2)],
    "audits": [asked("text-1", **AUDIT)],
    "traces": [trace("text-2"), trace("text-3", at=2), trace("text-1", **AUDIT)],
    "replies": [],
    "audit-failures": [],
}


def records(topics: dict[str, list[dict[str, Any]]]) -> list[Record]:
    return [
        Record(topic, 0, offset, value, float(offset))
        for topic, values in topics.items()
        for offset, value in enumerate(values)
    ]
