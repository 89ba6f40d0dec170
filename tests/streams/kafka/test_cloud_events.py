"""The label of a request that is a CloudEvent is one, too: whole, and not the same one."""

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import Label, Reason
from streams.kafka.cloud_events import label_headers
from streams.kafka.message import Headers

TOPIC = "shop.labels"
AT = 1_764_000_000_009
REQUESTS: Headers = [
    ("traceparent", b"00-1-2-01"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e1"),
    ("ce_type", b"question"),
    ("ce_source", b"/app"),
    ("ce_tenant", b"7"),
]
REQUIRED = {"ce_specversion", "ce_id", "ce_source", "ce_type"}


def label(name: str = "r1", source: str = "surrogate", at: int = AT) -> Label:
    said = None if source == "error" else "yes"
    return Label(name, "t", said, source, Reason.ACCEPTED, 5, at)  # type: ignore[arg-type]


def test_a_cloud_event_gets_one() -> None:
    found = label_headers(label(), TOPIC, REQUESTS)
    assert len(found) == len(dict(found))
    assert {name: value if isinstance(value, str) else value.decode() for name, value in found} == {
        "traceparent": "00-1-2-01",
        "ce_tenant": "7",
        "ce_specversion": "1.0",
        "ce_id": "r1",
        "ce_source": "urn:understudy:shop.labels:t",
        "ce_type": "understudy.label",
        "ce_time": "2025-11-24T16:00:00.009Z",
        "ce_causationid": "e1",
        "content-type": "application/json",
    }


def test_other_requests_keep_their_headers() -> None:
    """So they cost nothing more."""
    others: tuple[Headers | None, ...] = (None, [], [("ce_id", b"e1"), ("traceparent", b"1")])
    for headers in others:
        assert label_headers(label(), TOPIC, headers) is headers


def test_each_error_before_the_label_is_another_event() -> None:
    sent = [label("r1", "error"), label("r1", "error", AT + 1), label("r1", "teacher", AT + 2)]
    ids = [dict(label_headers(each, TOPIC, REQUESTS))["ce_id"] for each in sent]
    assert len(set(ids)) == 3
    assert ids[2] == "r1"


@given(st.text(min_size=1, max_size=20), st.integers(0, 2**41))
def test_attributes_have_the_form_of_cloud_events(name: str, at: int) -> None:
    found = dict(label_headers(label(name, at=at), TOPIC, REQUESTS))
    assert found.keys() >= REQUIRED
    assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+", str(found["ce_id"]))
    said = datetime.fromisoformat(str(found["ce_time"]))
    assert round((said - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000) == at
