"""Spans in files of OTLP in JSON, as the collector's file exporter writes them, as rows."""

from collections.abc import Iterator, Mapping
from typing import Any

from streams.recorded_calls.conversation import asked_text, said_by
from streams.recorded_calls.rows import LeftOut, PastCall, Read
from streams.recorded_calls.spans import SpanCall, read_spans


def read_span_rows(record: Mapping[str, Any], place: str, where: Mapping[str, str]) -> Iterator[Read]:
    """A row for each span that is a call of a model and has these attributes."""
    for call in read_spans(record, place, where):
        yield call if isinstance(call, LeftOut) else _row(call)


def _row(call: SpanCall) -> Read:
    text, said = asked_text(call.asked, call.place), said_by(call.answered, call.place)
    if isinstance(text, LeftOut):
        return text
    if isinstance(said, LeftOut):
        return said
    return PastCall(call.place, said, text, id=call.id, at=call.at, model=call.model)
