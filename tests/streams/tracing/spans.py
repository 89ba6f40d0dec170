"""Spans kept in memory, and the context that a client sends."""

from collections.abc import Sequence
from typing import Any

import pytest

sdk: Any = pytest.importorskip("opentelemetry.sdk.trace")
exports: Any = pytest.importorskip("opentelemetry.sdk.trace.export")
memory: Any = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
sampling: Any = pytest.importorskip("opentelemetry.sdk.trace.sampling")
span_writer: Any = pytest.importorskip("streams.tracing.span_writer")

TRACE, CLIENT = "ab" * 16, "cd" * 8
TRACEPARENT = f"00-{TRACE}-{CLIENT}-01"


class KeptSpans:
    """Attributes:
    writer: records the spans.
    """

    def __init__(self, sampler: Any = None) -> None:
        self._kept = memory.InMemorySpanExporter()
        provider = sdk.TracerProvider(sampler=sampler or sampling.ALWAYS_ON)
        provider.add_span_processor(exports.SimpleSpanProcessor(self._kept))
        self.writer = span_writer.SpanWriter(provider.get_tracer("test"))

    @property
    def all(self) -> Sequence[Any]:
        """In the order in which they ended."""
        return self._kept.get_finished_spans()

    def named(self, name: str) -> Any:
        (found,) = [span for span in self.all if span.name == name]
        return found


def ids(span: Any) -> tuple[str, str, str | None]:
    """Trace, span and parent, as `traceparent` has them."""
    parent = f"{span.parent.span_id:016x}" if span.parent else None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent
