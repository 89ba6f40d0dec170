"""Labels as they are read out of a model's answer: one of the task's, or none; never a guess."""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.errors import UnreadableAnswer
from streams.recorded_calls.rows import PastCall, from_json
from streams.teacher.answer import parse_answer

_LONGEST = 256


def label_of(row: PastCall, labels: Sequence[str], field: str | None) -> str | None:
    """The label of a row; None where there is none.

    Args:
        labels: that the task's teacher may give; empty where it may give any.
        field: of an answer that is a JSON object; None for `label`, or the one field that holds a label.
    """
    if row.is_label and row.said in labels:
        return row.said
    if row.is_label and not labels:
        return row.said if 0 < len(row.said) <= _LONGEST and len(row.said.splitlines()) == 1 else None
    answer = from_json(row.said.strip())
    if isinstance(answer, Mapping) and (field or "label") in answer:
        return _parsed(answer[field or "label"], labels)
    if field is None and (found := _parsed(row.said, labels)) is not None:
        return found
    return _only_label(answer, labels) if field is None and isinstance(answer, Mapping) else None


def _parsed(said: Any, labels: Sequence[str]) -> str | None:
    try:
        return parse_answer(said, labels) if isinstance(said, str) else None
    except UnreadableAnswer:
        return None


def _only_label(answer: Mapping[str, Any], labels: Sequence[str]) -> str | None:
    """The value of the only field, or the only value that is one of the labels."""
    values = [value for value in answer.values() if isinstance(value, str)]
    if not labels:
        return _parsed(values[0], labels) if len(answer) == len(values) == 1 else None
    found = {value for value in values if value in labels}
    return found.pop() if len(found) == 1 else None
