"""Forwarded response: the LLM's reply as it comes, byte by byte.

A reply that breaks off breaks off for the client too, and a client that hangs up ends the call.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from streams.gateway.client_watch import ClientWatch
from streams.gateway.forwarded_headers import reply_headers
from streams.gateway.problems import ClientGone
from streams.gateway.upstream import UpstreamBroken, UpstreamResponse

log = logging.getLogger(__name__)

Ended = Callable[[bytes | None], None]
Before = Callable[[bytes], Awaitable[None]]


class ForwardedResponse(Response):
    """The upstream's reply.

    Args:
        further: headers that are added.
        ended: called with the whole body, or None where it broke off or is longer than `most` bytes, once the
            client has all of it and the connection is given back.
        before: called with each chunk before it is sent.
    """

    def __init__(
        self,
        upstream: UpstreamResponse,
        further: Mapping[str, str],
        ended: Ended,
        most: int,
        before: Before | None = None,
    ) -> None:
        self._upstream = upstream
        self._ended = ended
        self._most = most
        self._before = before
        self.status_code = upstream.status
        self.background = None
        self.raw_headers = reply_headers(upstream.headers)
        self.raw_headers += [(name.encode(), value.encode()) for name, value in further.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        body: bytes | None = None
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            async with ClientWatch(receive):
                body = await self._pass_on(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (UpstreamBroken, ClientGone) as error:
            # The connection is closed without the end of the body, as the upstream did.
            log.info("a forwarded reply broke off: %s", type(error).__name__)
        finally:
            self._upstream.close()
            self._ended(body)

    async def _pass_on(self, send: Send) -> bytes | None:
        """The whole body once it is sent; None where it is longer than is kept. Raises UpstreamBroken."""
        kept: list[bytes] = []
        size = 0
        while chunk := await self._upstream.next_chunk():
            size += len(chunk)
            if size > self._most:
                kept.clear()
            else:
                kept.append(chunk)
            if self._before is not None:
                await self._before(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        return b"".join(kept) if size <= self._most else None
