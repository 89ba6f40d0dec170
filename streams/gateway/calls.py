"""Calls: what is read of an HTTP request, within limits of size and time."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
from starlette.requests import ClientDisconnect, Request

from schemas.messages import RequestId
from streams.gateway.call_limits import CallPlace
from streams.gateway.limited_protocol import BODY_IS_THERE
from streams.gateway.problems import CLOSE, ClientGone, HttpProblem, ProblemKind
from streams.kafka.message import Headers
from streams.teacher.give_up import HEADER as GIVE_UP_AFTER

Body = TypeVar("Body", bound=msgspec.Struct)

_PLAIN = re.compile(r"[\x21-\x7e]{1,128}")
_FOLLOW = frozenset({"traceparent", "tracestate", "baggage", GIVE_UP_AFTER})
_SLOWEST = 100_000
"""Bytes a second that a large body may take longer for."""
_SMALL = 16_384
"""Bytes of a body that has no longer time for its size."""
_EVENTS = "ce-"
"""Prefix of CloudEvents' headers over HTTP; over Kafka it is `ce_`."""


def headers_of_call(request: Request) -> dict[str, str]:
    """The headers by their names in lower case: a look-up in Starlette's goes through all of them."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}


class BodyLimit(NamedTuple):
    """What a body may take.

    Attributes:
        setting: of the gateway, that says how many bytes.
        most: bytes.
        seconds: until it has to be there; a large one has a second more for each 100 kB that have come.
    """

    setting: str
    most: int
    seconds: float


async def read_body(
    request: Request, headers: Mapping[str, str], limit: BodyLimit, place: CallPlace
) -> bytes:
    """The whole body, whose memory the call's place holds.

    Args:
        headers: of the call.

    Raises:
        HttpProblem: it is too large or too slow, or there is no memory for it.
        ClientGone: the client has hung up.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit.most:
        raise _too_large(limit)
    if BODY_IS_THERE in request.scope:
        return _hold(await _next_part(request), limit, place)
    began = asyncio.get_running_loop().time()
    try:
        with place.paused():
            async with asyncio.timeout(limit.seconds) as until:
                chunks, size = [], 0
                async for chunk in request.stream():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > limit.most:
                        raise _too_large(limit)
                    place.hold(size)
                    if size > _SMALL:
                        until.reschedule(began + limit.seconds + size / _SLOWEST)
                return b"".join(chunks)
    except TimeoutError:
        detail = f"the body was not there within {limit.seconds:g} s, or came at less than 100 kB a second"
        raise HttpProblem(ProblemKind.SLOW_BODY, detail, headers=CLOSE) from None
    except ClientDisconnect:
        raise ClientGone from None


async def _next_part(request: Request) -> bytes:
    """Raises ClientGone."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    return body


def _hold(body: bytes, limit: BodyLimit, place: CallPlace) -> bytes:
    """Raises HttpProblem."""
    if len(body) > limit.most:
        raise _too_large(limit)
    place.hold(len(body))
    return body


def decoder(kind: type[Body]) -> Callable[[Mapping[str, str], bytes], Body]:
    """Reads bodies of a type. Raises HttpProblem: names the field that is wrong."""
    decode = msgspec.json.Decoder(kind).decode

    def read(headers: Mapping[str, str], body: bytes) -> Body:
        if not is_json(headers):
            raise HttpProblem(ProblemKind.CONTENT_TYPE, "send the header `content-type: application/json`")
        try:
            return decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HttpProblem(ProblemKind.INVALID, str(error)) from error

    return read


def is_json(headers: Mapping[str, str]) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json"


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The id that the header `Idempotency-Key` gives. Raises HttpProblem: it is too long."""
    given = headers.get("idempotency-key")
    if not given:
        return None
    try:
        return msgspec.convert(given, RequestId)
    except msgspec.ValidationError as error:
        raise HttpProblem(ProblemKind.INVALID, f"Idempotency-Key: {error}") from error


def record_headers(headers: Mapping[str, str]) -> Headers | None:
    """Headers of the call that go with the request to its label: trace context, CloudEvents, time to wait."""
    found: Headers = []
    for name, value in headers.items():
        if name in _FOLLOW:
            found.append((name, value.encode()))
        elif name.startswith(_EVENTS):
            found.append((f"ce_{name[len(_EVENTS) :]}", value.encode()))
    return found or None


def request_id(headers: Mapping[str, str], default: str) -> str:
    """What the client calls this call: its `x-request-id` where that can be sent back, else the default."""
    given = headers.get("x-request-id", "")
    return given if _PLAIN.fullmatch(given) else header_word(default)


def header_word(text: str) -> str:
    """Any text as a header can hold it: percent-encoded, but for letters and digits."""
    return text if text.isalnum() and text.isascii() else quote(text, safe="")


def _too_large(limit: BodyLimit) -> HttpProblem:
    return HttpProblem(
        ProblemKind.TOO_LARGE,
        f"a body may have {limit.most} bytes (the gateway's setting `{limit.setting}`)",
        headers=CLOSE,
    )
