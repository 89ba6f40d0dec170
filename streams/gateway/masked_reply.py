"""Masked reply: what the LLM's endpoint says to a call with the gateway's key, without that key.

Some endpoints repeat the key that they refuse, also in a body with status 200. An app that has none of its
own must not learn it so. Errors are masked by all secrets that are known, and short replies of a known length
by what was sent with the call alone: a secret may be a word, and an answer must stay what it is. A stream
goes on as it is. What can't be read to its end is nothing where it is an error, and stays as it came where it
is an answer.
"""

import zlib
from collections.abc import Callable, Collection, Mapping
from functools import partial

from starlette.responses import Response

from schemas.secrets import masked_by, masked_known
from streams.gateway.forwarded_headers import reply_headers
from streams.gateway.forwarded_response import Before
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.gateway.upstream import UpstreamBroken, UpstreamResponse

_REFUSED = 400
"""Statuses from here on are errors."""
_SHORT = 16_384
"""Bytes of a reply that is read whole before the app gets it."""
_PLAIN = ("", "identity")
_READABLE = (*_PLAIN, "gzip", "x-gzip")
_MOST = 1_000_000
_GZIP_WINDOW = 31
_OF_THE_BODY = (b"content-length", b"content-encoding")


def can_repeat_key(upstream: UpstreamResponse) -> bool:
    """Whether a reply may be an error: it has the status of one, or is short and no stream."""
    if upstream.status >= _REFUSED:
        return True
    lengths = [value for name, value in upstream.headers if name.lower() == b"content-length"]
    is_short = bool(lengths) and lengths[0].isdigit() and int(lengths[0]) <= _SHORT
    return is_short and not _is_stream(upstream) and _coding(upstream.encoding) in _READABLE


async def masked_reply(
    upstream: UpstreamResponse,
    further: Mapping[str, str],
    ended: Callable[[bytes | None], None],
    sent: Collection[str] = (),
    before: Before | None = None,
) -> Response:
    """The upstream's reply, read to its end; it stays as it came where it repeats no secret.

    Args:
        sent: secrets that the endpoint was sent; an answer is masked by these alone.
        further: headers that are added.
        ended: called with the body as it came, or None where it broke off.
        before: called with the body as it came, unless it is an error's.

    Raises:
        HttpProblem: it broke off, or is too long.
    """
    body: bytes | None = None
    try:
        body = await _whole_body(upstream)
    except UpstreamBroken as error:
        detail = f"the LLM's endpoint answers HTTP {upstream.status}, and breaks off: {error}"
        raise HttpProblem(ProblemKind.TEACHER_FAILED, detail) from error
    finally:
        upstream.close()
        ended(body)
    if before is not None and upstream.status < _REFUSED:
        await before(body)
    is_error = upstream.status >= _REFUSED
    mask = _masked_bytes if is_error else partial(masked_by, sent)
    headers = [(name, mask(value)) for name, value in reply_headers(upstream.headers)]
    plain = _plain(body, upstream.encoding)
    shown = mask(plain)
    is_hidden = bool(body) and not plain and is_error
    if shown != plain or is_hidden:
        body = shown
        headers = [pair for pair in headers if pair[0].lower() not in _OF_THE_BODY]
        headers.append((b"content-length", b"%d" % len(body)))
    response = Response(body, upstream.status)
    response.raw_headers = [*headers, *((name.encode(), value.encode()) for name, value in further.items())]
    return response


async def _whole_body(upstream: UpstreamResponse) -> bytes:
    parts, size = [], 0
    while chunk := await upstream.next_chunk():
        parts.append(chunk)
        size += len(chunk)
        if size > _MOST:
            raise UpstreamBroken("its body is too long")
    return b"".join(parts)


def _plain(body: bytes, encoding: str) -> bytes:
    """The body as text; nothing of one that can't be read here to its end."""
    coding = _coding(encoding)
    if coding in _PLAIN:
        return body
    if coding not in _READABLE:
        return b""
    unpacked = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = unpacked.decompress(body, _MOST)
    except zlib.error:
        return b""
    return plain if unpacked.eof and not unpacked.unused_data else b""


def _is_stream(upstream: UpstreamResponse) -> bool:
    kinds = [value for name, value in upstream.headers if name.lower() == b"content-type"]
    return any(kind.lower().startswith(b"text/event-stream") for kind in kinds)


def _coding(encoding: str) -> str:
    return encoding.strip().lower()


def _masked_bytes(raw: bytes) -> bytes:
    return masked_known(raw.decode("latin-1")).encode("latin-1")
