"""Upstream: sends an app's call to the LLM as it is, and the reply back as it comes.

Bodies are passed on byte by byte. Of the headers only those stay behind that are about one connection, and
our own. A reply that breaks off breaks off for the client too, and a client that hangs up ends the call.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import httpx2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from streams.gateway.problems import ClientGone, HttpProblem, ProblemKind
from streams.gateway.upstream_pools import UpstreamPools

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
RawHeaders = list[tuple[bytes, bytes]]
Ended = Callable[[bytes | None], None]

_HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade", b"proxy-connection"),
    )
)
_OURS = frozenset({b"host", b"content-length", b"authorization", b"expect"})
_PREFIX = b"x-understudy-"


class UpstreamCall(NamedTuple):
    """A call of the LLM's API."""

    url: str
    headers: RawHeaders
    body: bytes
    method: str = "POST"


class Upstream:
    """Connections to the LLMs' endpoints."""

    def __init__(self) -> None:
        self._pools = UpstreamPools()

    async def aclose(self) -> None:
        await self._pools.aclose()

    async def open(self, call: UpstreamCall) -> httpx2.Response:
        """The response, of which only the headers are there; it has to be closed.

        Raises:
            HttpProblem: there is none.
        """
        try:
            request = httpx2.Request(call.method, call.url, headers=call.headers, content=call.body)
            return await self._pools.send(request)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            log.warning("LLM's endpoint failed: %s: %s", type(error).__name__, error)
            raise HttpProblem(
                ProblemKind.TEACHER_FAILED, f"the LLM's endpoint does not answer: {type(error).__name__}"
            ) from error


class ForwardedResponse(Response):
    """The upstream's reply, as it comes.

    Args:
        further: headers that are added.
        ended: called with the whole body, or None where it broke off or is longer than `most` bytes.
    """

    def __init__(
        self, upstream: httpx2.Response, further: Mapping[str, str], ended: Ended, most: int
    ) -> None:
        self._upstream = upstream
        self._ended = ended
        self._most = most
        self.status_code = upstream.status_code
        self.background = None
        self.raw_headers = [
            # The server adds the date of its own.
            *((name, value) for name, value in _end_to_end(upstream.headers.raw) if name != b"date"),
            *((name.encode(), value.encode()) for name, value in further.items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        kept: list[bytes] = []
        size, whole = 0, False
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            chunks = self._upstream.aiter_raw()
            while (chunk := await unless_gone(_next(chunks), receive)) is not None:
                size += len(chunk)
                if size > self._most:
                    kept.clear()
                else:
                    kept.append(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            whole = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (httpx2.HTTPError, ClientGone) as error:
            # The connection is closed without the end of the body, as the upstream did.
            log.info("a forwarded reply broke off: %s", type(error).__name__)
        finally:
            self._ended(b"".join(kept) if whole and size <= self._most else None)
            await self._upstream.aclose()


def forwarded_headers(raw: Iterable[tuple[bytes, bytes]], authorization: str | None) -> RawHeaders:
    """The headers that go to the upstream.

    Args:
        authorization: that stands in for the client's; None for none.
    """
    headers = [(name, value) for name, value in _end_to_end(raw) if name not in _OURS]
    if authorization is not None:
        headers.append((b"authorization", authorization.encode("latin-1", "replace")))
    return headers


async def unless_gone(work: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
    """What the work gives. Raises ClientGone, and cancels it: the client has hung up."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    both: set[asyncio.Future[Any]] = {working, gone}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next(chunks: Any) -> bytes | None:
    try:
        chunk: bytes = await anext(chunks)
    except StopAsyncIteration:
        return None
    return chunk


def _end_to_end(raw: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The headers that are neither about one connection, nor of the names that only the gateway uses."""
    lowered = [(name.lower(), value) for name, value in raw]
    of_connection = {
        one.strip().lower() for name, value in lowered if name == b"connection" for one in value.split(b",")
    }
    dropped = _HOP_BY_HOP | of_connection
    return [pair for pair in lowered if pair[0] not in dropped and not pair[0].startswith(_PREFIX)]
