"""Trace context in headers is read and replaced; whatever else stands there stays."""

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.message import Headers
from streams.tracing.trace_headers import carrier_of, with_carrier

NAMES = st.sampled_from(["traceparent", "tracestate", "baggage", "ce_id", "understudy-attempt"])
VALUES = st.none() | st.binary(max_size=60) | st.text(st.characters(max_codepoint=255), max_size=60)
CARRIERS = st.dictionaries(
    st.sampled_from(["traceparent", "tracestate"]), st.text(st.characters(max_codepoint=255), max_size=60)
)


@given(st.lists(st.tuples(NAMES, VALUES)) | st.none(), CARRIERS)
def test_context_is_replaced_and_nothing_else(headers: Headers | None, carrier: dict[str, str]) -> None:
    written = with_carrier(headers, carrier)
    assert carrier_of(written) == carrier
    others = [header for header in headers or () if not header[0].startswith("trace")]
    assert [header for header in written if not header[0].startswith("trace")] == others


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_any_header_can_be_read(headers: Headers) -> None:
    found = carrier_of(headers)
    assert set(found) <= {"traceparent", "tracestate"}
    first = next((value for name, value in headers if name == "traceparent" and value is not None), None)
    raw = first.encode() if isinstance(first, str) else first
    assert found.get("traceparent", "").encode("latin-1") == (raw or b"")
