"""Independent checker: what the topics hold, and what Redis says of it, once the stream has drained.

It shares no code with the system. What it asks:

- every id has exactly one label; an error came before it only where the id was sent again
- every deferral, audit and second question has exactly one trace; or an error, or the surrogate's answer to
  what waited for the teacher
- the audits that Redis counts are those that stand on the topics
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from infra.bench.chaos.observer import Record

LOST, DOUBLED, WRONG = "lost", "doubled", "wrong count"
CHECKED = ("labels", "deferrals", "audits", "replies", "traces", "audit-failures")
SERVICE = ""
"""In place of a version: all versions of the task together."""
_VERSIONS = 16
"""Of more versions of a task the oldest are no longer counted."""

Question = tuple[str, str, int, str]
"""Task, id, time of the request, and what is asked: for a label, an audit, or once more."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Attributes:
    kind: `LOST`, `DOUBLED`, `WRONG`, or `unproven`.
    what: in words, with the id.
    """

    kind: str
    what: str


class AuditCounts(NamedTuple):
    """Of one version: audits with a label, agreements among them, failed ones, ones without any reply."""

    audits: int = 0
    agreements: int = 0
    failed: int = 0
    pending: int = 0


def check(
    records: Iterable[Record],
    attempts: Mapping[str, int],
    counted: Mapping[tuple[str, str], AuditCounts],
) -> list[Complaint]:
    """All that is wrong.

    Args:
        attempts: how often each id was sent.
        counted: what Redis says, by task and version.
    """
    topics: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        topics[record.topic].append(record.value)
    return [
        *_label_complaints(topics["labels"], attempts),
        *_question_complaints(topics),
        *_count_complaints(recount(topics), counted),
    ]


def recount(topics: Mapping[str, list[Any]]) -> dict[tuple[str, str], AuditCounts]:
    """The audits of each task and version, as the topics have them; an id counts once for a version.

    Of all versions together only those with a label are counted.
    """
    asked, answered, failed = (defaultdict[tuple[str, str], dict[str, bool]](dict) for _ in range(3))
    for deferral in (*topics["deferrals"], *topics["audits"]):
        if _is_audit(deferral):
            request = deferral["request"]
            asked[request["task"], deferral["guess"]["policy"]][request["id"]] = True
    for trace in topics["traces"]:
        if _is_audit(trace):
            agreed = trace["guess"]["label"] == trace["label"]
            answered[trace["task"], trace["guess"]["policy"]].setdefault(trace["id"], agreed)
    for failure in topics["audit-failures"]:
        failed[failure["task"], failure["policy"]][failure["id"]] = True
    counts: dict[tuple[str, str], AuditCounts] = {}
    for key in asked.keys() | answered.keys():
        without = failed[key].keys() - answered[key].keys()
        pending = asked[key].keys() - answered[key].keys() - without
        counts[key] = AuditCounts(len(answered[key]), sum(answered[key].values()), len(without), len(pending))
    for task in {task for task, _ in counts}:
        of_task = [one for (name, _), one in counts.items() if name == task]
        audits, agreements = sum(one.audits for one in of_task), sum(one.agreements for one in of_task)
        counts[task, SERVICE] = AuditCounts(audits, agreements)
    return counts


def _is_audit(message: Mapping[str, Any]) -> bool:
    """Whether a deferral or a trace checks an answer that counts."""
    sound = message["audit"] and message["sampled"] and message["reason"] != "budget"
    return bool(sound and message.get("guess") is not None)


def _label_complaints(labels: Iterable[Any], attempts: Mapping[str, int]) -> Iterator[Complaint]:
    given: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for label in labels:
        (errors if label["source"] == "error" else given)[label["id"]] += 1
    for name in attempts.keys() | given.keys() | errors.keys():
        if name not in attempts:
            yield Complaint(DOUBLED, f"{name} was never sent, and has a label or an error")
            continue
        if given[name] == 0:
            yield Complaint(LOST, f"{name} has no label, and {errors[name]} errors")
        if given[name] > 1:
            yield Complaint(DOUBLED, f"{name} has {given[name]} labels")
        if errors[name] >= attempts[name] and given[name]:
            yield Complaint(DOUBLED, f"{name} was sent {attempts[name]}x and has {errors[name]} errors")


def _question_complaints(topics: Mapping[str, list[Any]]) -> Iterator[Complaint]:
    asked = Counter(
        _question(one["request"]["task"], one["request"]["id"], one)
        for one in (*topics["deferrals"], *topics["audits"])
    )
    traced = Counter(_question(one["task"], one["id"], one) for one in topics["traces"])
    settled = set(_settled(topics))
    for question in asked.keys() | traced.keys():
        if asked[question] > 1:
            yield Complaint(DOUBLED, f"{question} is asked {asked[question]} times")
        if asked[question] == 0:
            yield Complaint(LOST, f"{question} has a trace, and was never asked")
        if traced[question] > 1:
            yield Complaint(DOUBLED, f"{question} has {traced[question]} traces")
        if traced[question] == 0 and question not in settled:
            yield Complaint(LOST, f"{question} has neither a trace nor an error")


def _settled(topics: Mapping[str, list[Any]]) -> Iterator[Question]:
    """What needs no trace: an error was given, or the surrogate answered what waited."""
    for label in topics["labels"]:
        if label["source"] != "teacher":
            yield label["task"], label["id"], label["requested_at"], "label"
    for failure in topics["audit-failures"]:
        yield failure["task"], failure["id"], failure["requested_at"], "audit"
    for reply in topics["replies"]:
        deferral = reply["deferral"]
        if reply.get("error") is not None and deferral.get("first") is not None:
            # Nobody waits for a second answer: its failure is written nowhere else.
            yield _question(deferral["request"]["task"], deferral["request"]["id"], deferral)


def _question(task: str, name: str, one: Mapping[str, Any]) -> Question:
    """A deferral, or a trace, as the question that it is about."""
    what = "again" if one.get("first") is not None else "audit" if one["audit"] else "label"
    return task, name, one["requested_at"], what


def _count_complaints(
    recounted: Mapping[tuple[str, str], AuditCounts], counted: Mapping[tuple[str, str], AuditCounts]
) -> Iterator[Complaint]:
    of_task = Counter(task for task, _ in recounted)
    for key in sorted(recounted.keys() | counted.keys()):
        there = recounted.get(key, AuditCounts())
        if key not in counted and of_task[key[0]] > _VERSIONS:
            continue
        if there != counted.get(key, AuditCounts()):
            yield Complaint(WRONG, f"{key}: topics {there}, Redis {counted.get(key)}")
