"""Upstream: connections to the LLMs' endpoints, over which an app's call goes as it is.

One session holds them all and keeps them open between calls. It follows no redirect, keeps no cookie,
decompresses nothing and adds no header but `host` and `content-length`.
"""

import asyncio
import io
import logging
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
from multidict import CIMultiDict
from yarl import URL

from streams.gateway.forwarded_headers import RawHeaders
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.outage import Outages

log = logging.getLogger(__name__)

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10.0)
"""The app says how long it waits; a limit here would be an outage of ours."""
_IDLE = 3.0
"""Seconds after which idle connections are closed, before common servers do it (5 s): a call on one that they
close is lost."""
_NOT_ADDED = ("accept", "accept-encoding", "content-type", "user-agent")
_LARGEST_HEADER = 65_536
_READ_AHEAD = 65_536
"""Bytes of a reply that wait for a slow client, about."""
_SENT_AT_ONCE = 1_000_000
"""Bytes of a body; a longer one is sent in pieces."""


class UpstreamCall(NamedTuple):
    """A call of the LLM's API."""

    url: str
    headers: RawHeaders
    body: bytes
    method: str = "POST"


class UpstreamBroken(Exception):
    """A reply ended before its end."""


class UpstreamResponse:
    """A reply whose status and headers are there; it has to be closed.

    Attributes:
        headers: as they came.
        encoding: the header `content-encoding`; empty where there is none.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._lost: asyncio.Future[None] | None = None
        protocol = response.connection.protocol if response.connection is not None else None
        if protocol is not None:  # the body is not all there
            self._watch(protocol.closed)
        self.status = response.status
        self.headers: RawHeaders = list(response.raw_headers)
        self.encoding = response.headers.get("content-encoding", "")

    async def next_chunk(self) -> bytes:
        """What has come of the body since; empty at its end. Raises UpstreamBroken: it broke off."""
        try:
            chunk: bytes = await self._response.content.readany()
        except aiohttp.ClientError as error:
            raise UpstreamBroken(type(error).__name__) from error
        return chunk

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        if self._lost is not None:
            self._lost.remove_done_callback(self._break_off)
        self._response.close()

    def _watch(self, lost: asyncio.Future[None] | None) -> None:
        """Have a lost connection end what waits for the body; None: it is lost already."""
        self._lost = lost
        if lost is None:
            self._break_off()
            return
        lost.remove_done_callback(_hear)  # of an earlier reply on this connection
        lost.add_done_callback(_hear)
        lost.add_done_callback(self._break_off)

    def _break_off(self, _: object = None) -> None:
        """After a body that it can't parse, aiohttp closes the connection, and tells nobody."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the body can't be parsed"))


def _hear(lost: asyncio.Future[None]) -> None:
    """Take note of why a connection was lost, so that asyncio does not warn that nobody has."""
    if not lost.cancelled():
        lost.exception()


class Upstream:
    """Used on the event loop only."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._outages = Outages(log, "the LLM's endpoint does not answer", "the LLM's endpoint answers again")

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def open(self, call: UpstreamCall) -> UpstreamResponse:
        """The response, of which only the headers are there.

        Raises:
            HttpProblem: there is none.
        """
        self._session = self._session or _new_session()
        try:
            url = URL(call.url, encoded=True)
            response = await self._session.request(
                call.method,
                url,
                headers=_headers(call.headers),
                data=_content(call.body),
                allow_redirects=False,
                proxy=_proxy(url.scheme, url.raw_host or ""),
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            place = _place(call.url)
            self._outages.note_failure(place, f"{type(error).__name__}: {error}", url=place)
            raise HttpProblem(
                ProblemKind.TEACHER_FAILED, f"the LLM's endpoint does not answer: {type(error).__name__}"
            ) from error
        self._outages.note_success(_place(call.url))
        return UpstreamResponse(response)


@lru_cache(maxsize=1_024)
def _place(url: str) -> str:
    """What an outage of this URL is one of: scheme, host and port."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such a URL can't be asked either
        return "no URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@lru_cache(maxsize=1_024)
def endpoint_url(base: str) -> str:
    """The base URL of an API as it is sent: percent-encoded, its host in ASCII, without a slash at the end.

    Raises:
        ValueError: it is none.
    """
    return str(URL(base)).rstrip("/")


@lru_cache(maxsize=1_024)
def has_credentials(base: str) -> bool:
    """Whether the base URL holds a name or a password, which are sent in place of any `authorization`."""
    url = URL(base)
    return bool(url.raw_user or url.raw_password)


def _new_session() -> aiohttp.ClientSession:
    certificates = httpx2.create_ssl_context()
    certificates.set_alpn_protocols(["http/1.1"])
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=certificates, keepalive_timeout=_IDLE),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=_TIMEOUT,
        skip_auto_headers=_NOT_ADDED,
        auto_decompress=False,
        read_bufsize=_READ_AHEAD,
        max_line_size=_LARGEST_HEADER,
        max_field_size=_LARGEST_HEADER,
    )


def _headers(raw: RawHeaders) -> CIMultiDict[str]:
    return CIMultiDict((name.decode("latin-1"), _value(value)) for name, value in raw)


def _value(raw: bytes) -> str:
    """It is sent as UTF-8 again."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _content(body: bytes) -> bytes | io.BytesIO | None:
    if len(body) > _SENT_AT_ONCE:
        return io.BytesIO(body)
    return body or None


@lru_cache(maxsize=1_024)
def _proxy(scheme: str, host: str) -> str | None:
    """The proxy that the environment names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`); None for none."""
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    if not found or proxy_bypass(host):
        return None
    return found if urlsplit(found).scheme else f"http://{found}"
