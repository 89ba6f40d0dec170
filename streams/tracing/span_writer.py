"""Span writer: records spans with OpenTelemetry. Imported only where tracing is on.

Spans are recorded once they are over, so none is left open by a worker that stops. A defect of the library
costs the span, never the message.
"""

import logging
import time
from collections.abc import Callable, Mapping

from confluent_kafka import Message
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.config import TeacherConfig
from schemas.messages import Reply
from streams.kafka.message import Headers, copied_headers
from streams.spending.cost import CallCost
from streams.teacher.outcome import TryLater
from streams.tracing.contract import NO_TRACING, HttpHeaders, HttpSpan, StepOutcome
from streams.tracing.span_attributes import (
    SpanFacts,
    answer_facts,
    call_facts,
    http_facts,
    operation,
    step_facts,
)
from streams.tracing.trace_headers import carrier_of, with_carrier

log = logging.getLogger(__name__)

_NS = 1_000_000
_PROPAGATOR = TraceContextTextMapPropagator()
_NO_CONTEXT = Context()
"""Without it a span would be a child of whatever else runs on this thread."""


class SpanWriter:
    """Implements `Tracing`."""

    is_on = True

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._has_failed = False

    def step(self, stage: str, message: Message, began: int, outcome: StepOutcome) -> Headers | None:
        headers = copied_headers(message)
        try:
            return self._record(stage, SpanKind.CONSUMER, headers, began, step_facts(message, outcome))
        except Exception:  # noqa: BLE001 - a library's edge: no message may fail for its span
            self._log_failure()
            return headers

    def teacher_call(
        self,
        headers: Headers | None,
        config: TeacherConfig,
        began: int,
        outcome: Reply | TryLater | None,
        cost: CallCost,
    ) -> Headers | None:
        if cost.calls == 0:
            return headers
        try:
            name, facts = f"{operation(config)} {config.model}", call_facts(config, outcome, cost)
            return self._record(name, SpanKind.CLIENT, headers, began, facts)
        except Exception:  # noqa: BLE001 - as above
            self._log_failure()
            return headers

    def http_call(self, method: str, route: str, headers: HttpHeaders) -> HttpSpan:
        try:
            said: Headers = [(name.decode("latin-1"), value) for name, value in headers]
            facts = http_facts(method, route)
            span = self._start(f"{method} {route}", SpanKind.SERVER, said, time.time_ns(), facts)
            followed = with_carrier(said, _carrier(span))
        except Exception:  # noqa: BLE001 - as above
            self._log_failure()
            return NO_TRACING.http_call(method, route, headers)
        return _OpenHttpSpan(
            self._log_failure,
            span,
            [(name.encode("latin-1"), value) for name, value in followed if isinstance(value, bytes)],
        )

    def _record(
        self, name: str, kind: SpanKind, headers: Headers | None, began: int, facts: SpanFacts
    ) -> Headers:
        span = self._start(name, kind, headers, began * _NS, facts)
        _end(span, facts)
        return with_carrier(headers, _carrier(span))

    def _start(
        self, name: str, kind: SpanKind, headers: Headers | None, began_ns: int, facts: SpanFacts
    ) -> Span:
        parent = _PROPAGATOR.extract(carrier_of(headers), _NO_CONTEXT)
        return self._tracer.start_span(name, parent, kind, facts.attributes, start_time=began_ns)

    def _log_failure(self) -> None:
        if not self._has_failed:
            self._has_failed = True
            log.exception("a span could not be recorded; messages go on, further failures are not logged")


class _OpenHttpSpan:
    def __init__(self, log_failure: Callable[[], None], span: Span, headers: HttpHeaders) -> None:
        self._log_failure = log_failure
        self._span = span
        self.headers = headers

    def end(self, status: int | None, answer: Mapping[str, str]) -> None:
        try:
            facts = answer_facts(status, answer)
            self._span.set_attributes(facts.attributes)
            _end(self._span, facts)
        except Exception:  # noqa: BLE001 - as above
            self._log_failure()


def _end(span: Span, facts: SpanFacts) -> None:
    if facts.error is not None:
        span.set_attribute("error.type", facts.error)
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _carrier(span: Span) -> dict[str, str]:
    """The trace context that names this span as the parent."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, set_span_in_context(span, _NO_CONTEXT))
    return carrier
