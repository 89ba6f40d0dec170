"""Upstream pools: connections to the LLMs' endpoints, in pools of few.

A pool goes through all of its connections at each call, so that one of thousands, whose LLM hangs, would take
the time in which others are answered. The first pool with room is used, so that little traffic keeps to one
and finds its connections open.
"""

from collections.abc import AsyncIterator
from ssl import SSLContext

import httpx2

_MOST = 100
"""Calls of one pool."""
_CONNECT = 10.0
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=3.0)


class UpstreamPools:
    """Used on the event loop only."""

    def __init__(self) -> None:
        self._certificates = httpx2.create_ssl_context()
        self._pools = [_Pool(self._certificates)]

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.client.aclose()

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """The response, of which only the headers are there; it has to be closed.

        Raises:
            httpx2.HTTPError: there is none.
        """
        pool = next((pool for pool in self._pools if pool.calls < _MOST), None)
        if pool is None:
            pool = _Pool(self._certificates)
            self._pools.append(pool)
        pool.calls += 1
        try:
            response = await pool.client.send(request, stream=True)
        except BaseException:
            pool.calls -= 1
            raise
        response.stream = _CountedStream(response.stream, pool)
        return response


class _Pool:
    """Attributes:
    calls: under way.
    """

    def __init__(self, certificates: SSLContext) -> None:
        # The app says how long it waits; a limit here would be an outage of ours.
        timeout = httpx2.Timeout(None, connect=_CONNECT)
        self.client = httpx2.AsyncClient(
            timeout=timeout, limits=_LIMITS, follow_redirects=False, verify=certificates
        )
        self.calls = 0


class _CountedStream(httpx2.AsyncByteStream):
    """A response's body; its pool has room again once it is closed."""

    def __init__(self, stream: object, pool: _Pool) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101 - an asynchronous client's is one
        self._stream = stream
        self._pool: _Pool | None = pool

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._pool is not None:
                self._pool.calls -= 1
                self._pool = None
