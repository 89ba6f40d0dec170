"""Forwarded headers: those of a call or a reply, but for what is about one connection, and our own."""

from collections.abc import Iterable

RawHeaders = list[tuple[bytes, bytes]]
"""Names, in lower case where we made them, and values."""

_HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade", b"proxy-connection"),
    )
)
_OF_A_CALL = _HOP_BY_HOP | {b"host", b"content-length", b"authorization", b"expect"}
_OF_A_REPLY = _HOP_BY_HOP | {b"date"}
"""The server adds the date of its own."""
_PREFIX = b"x-understudy-"


def call_headers(raw: Iterable[tuple[bytes, bytes]], authorization: str | None) -> RawHeaders:
    """The headers that go to the upstream.

    Args:
        authorization: that stands in for the client's; None for none.
    """
    headers = _without(raw, _OF_A_CALL)
    if authorization is not None:
        headers.append((b"authorization", authorization.encode("latin-1", "replace")))
    return headers


def reply_headers(raw: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The headers that go back to the client."""
    return _without(raw, _OF_A_REPLY)


def readable(headers: RawHeaders) -> RawHeaders:
    """The headers of a call, with no other coding of the reply than one that is read here."""
    kept = [(name, value) for name, value in headers if name != b"accept-encoding"]
    zipped = any(name == b"accept-encoding" and b"gzip" in value for name, value in headers)
    return [*kept, (b"accept-encoding", b"gzip" if zipped else b"identity")]


def _without(raw: Iterable[tuple[bytes, bytes]], dropped: frozenset[bytes]) -> RawHeaders:
    """The headers but for these, those that `connection` names, and those that only the gateway uses."""
    lowered = [(name.lower(), value) for name, value in raw]
    for name, value in lowered:
        if name == b"connection":
            dropped |= {one.strip().lower() for one in value.split(b",")}
    return [pair for pair in lowered if pair[0] not in dropped and not pair[0].startswith(_PREFIX)]
