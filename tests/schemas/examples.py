"""One valid example of each message, and a strategy that draws any."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.codec import (
    AUDIT_FAILURE,
    DEFERRAL,
    ENCODING,
    EVENT,
    FEEDBACK,
    FORGOTTEN,
    LABEL,
    REPLY,
    REQUEST,
    TRACE,
    Codec,
)
from schemas.events import Event, EventKind
from schemas.messages import (
    AuditFailure,
    Deferral,
    Encoding,
    Feedback,
    Forgotten,
    Guess,
    Label,
    Reason,
    Reply,
    Request,
    Teacher,
    Trace,
    Usage,
)

REQUEST_EXAMPLE = Request("r1", "t", text="hello", embedding=b"\0\0\x80?", metadata={"a": "b"})
GUESS_EXAMPLE = Guess("yes", 0.75, 0.5, "v1")
DEFERRAL_EXAMPLE = Deferral(
    REQUEST_EXAMPLE, Reason.LOW_SCORE, False, True, "text", 5, b"\0\0\0\0", GUESS_EXAMPLE, 0.9
)

EXAMPLES: list[tuple[Codec[Any], msgspec.Struct]] = [
    (REQUEST, REQUEST_EXAMPLE),
    (LABEL, Label("r1", "t", "yes", "surrogate", Reason.ACCEPTED, 5, 6, 0.9, 0.8, "v1", True, None, {})),
    (DEFERRAL, DEFERRAL_EXAMPLE),
    (REPLY, Reply(DEFERRAL_EXAMPLE, "yes", Teacher("m", "hash"), Usage(3, 1, 2), 12.5, confidence=0.9)),
    (TRACE, Trace("r1", "t", "yes", Reason.AUDIT, True, True, "text", 5, 6, "hello", None, GUESS_EXAMPLE)),
    (AUDIT_FAILURE, AuditFailure("r1", "t", "v1", 5, 6, "refused", Teacher("m", "hash"))),
    (EVENT, Event(EventKind.REFIT, "t", 7, "a sentence", {"version": "v1"})),
    (ENCODING, Encoding(5, check=DEFERRAL_EXAMPLE)),
    (ENCODING, Encoding(5, REQUEST_EXAMPLE, drawn=True, counted=False, answered=(GUESS_EXAMPLE,))),
]

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)
_task = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
_float = st.floats(allow_nan=False, allow_infinity=False)
_vector = st.binary(max_size=64) | st.lists(_float, max_size=8)
_time = st.integers(0, 2**53)
_metadata = st.dictionaries(_text, _text, max_size=3)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _float | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)


def _maybe(drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | drawn


requests = st.builds(
    Request, id=_name, task=_task, text=_maybe(_text), embedding=_vector, metadata=_metadata
) | st.builds(Request, id=_name, task=_task, text=_text, metadata=_metadata)
_reasons = st.sampled_from(Reason)
_guesses = st.builds(Guess, label=_text, score=_float, novelty=_maybe(_float), policy=_text)
_teachers = st.builds(Teacher, model=_text, prompt=_text)
_deferrals = st.builds(
    Deferral,
    request=requests,
    reason=_reasons,
    requested_at=_time,
    embedder=_text,
    features=_maybe(st.binary(max_size=64)),
    guess=_maybe(_guesses),
    threshold=_maybe(_float),
    shadow=_maybe(_guesses),
    encoder=_maybe(_text),
)
_replied = {
    "deferral": _deferrals,
    "teacher": _maybe(_teachers),
    "usage": _maybe(st.builds(Usage)),
    "latency_ms": _maybe(_float),
}

DRAWN: dict[Codec[Any], st.SearchStrategy[msgspec.Struct]] = {
    REQUEST: requests,
    LABEL: st.builds(
        Label,
        id=_name,
        task=_task,
        label=_maybe(_text),
        source=st.sampled_from(["surrogate", "teacher", "error"]),
        reason=_reasons,
        requested_at=_time,
        labelled_at=_time,
        score=_maybe(_float),
        threshold=_maybe(_float),
        policy=_maybe(_text),
        audited=st.booleans(),
        error=_maybe(_text),
        metadata=_metadata,
        supersedes=st.booleans(),
    ),
    DEFERRAL: _deferrals,
    ENCODING: st.builds(Encoding, requested_at=_time, request=requests, answered=st.tuples(_guesses))
    | st.builds(Encoding, requested_at=_time, check=_deferrals, drawn=st.booleans()),
    REPLY: st.builds(Reply, label=_name, **_replied) | st.builds(Reply, error=_text, **_replied),
    TRACE: st.builds(
        Trace,
        id=_name,
        task=_task,
        label=_text,
        reason=_reasons,
        requested_at=_time,
        replied_at=_time,
        embedder=_text,
        text=_maybe(_text),
        features=_maybe(st.binary(max_size=64)),
        guess=_maybe(_guesses),
        threshold=_maybe(_float),
        teacher=_maybe(_teachers),
        shadow=_maybe(_guesses),
        encoder=_maybe(_text),
    ),
    AUDIT_FAILURE: st.builds(
        AuditFailure,
        id=_name,
        task=_task,
        policy=_text,
        requested_at=_time,
        failed_at=_time,
        error=_text,
        teacher=_maybe(_teachers),
    ),
    FEEDBACK: st.builds(
        Feedback,
        id=_name,
        task=_task,
        ground_truth=_name,
        given_at=_time,
        answered=_maybe(_name),
        source=_maybe(st.sampled_from(["surrogate", "teacher"])),
        policy=_maybe(_text),
    ),
    FORGOTTEN: st.builds(
        Forgotten,
        task=_task,
        at=_time,
        request=_maybe(st.from_regex("[0-9a-f]{64}", fullmatch=True)),
    ),
    EVENT: st.builds(
        Event,
        kind=st.sampled_from(EventKind),
        task=_text,
        at=_time,
        message=_text,
        details=st.dictionaries(_text, _json, max_size=3),
    ),
}
