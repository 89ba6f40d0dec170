"""uvicorn's HTTP protocol on httptools, with more limits, so that slow clients hold nothing for long."""

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, ClassVar, NamedTuple, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from streams.gateway.whole_answers import WholeAnswers

log = logging.getLogger(__name__)

BODY_IS_THERE = "understudy.body_is_there"
"""In the scope of a call whose whole body has come."""
_UPGRADE = re.compile(rb"\r\n(upgrade) *:", re.IGNORECASE)
_LARGEST_HEAD = 64 * 1024


class ConnectionLimits(NamedTuple):
    """Of a server.

    Attributes:
        head_timeout: seconds that a request's headers may take, from their first byte or, of the first
            request, from the opening of the connection; that the rest of a body may take which is not read,
            since the call was refused; and that a client may leave an answer unread.
        most: open connections.
    """

    head_timeout: float
    most: int


class _RequestPart(Enum):
    """What the connection's next bytes are of."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class _Deadline:
    """Calls `end` once its time is over, unless it is cancelled before."""

    __slots__ = ("_due", "_end", "_loop", "_seconds")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, end: Callable[[], None]) -> None:
        self._loop, self._seconds, self._end = loop, seconds, end
        self._due: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The time runs from now, unless it does already."""
        if self._due is None:
            self._due = self._loop.call_later(self._seconds, self._end)

    def cancel(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class LimitedProtocol(HttpToolsProtocol):
    """A connection of a client."""

    limits: ClassVar[ConnectionLimits]
    _part = _RequestPart.NOTHING
    _unparsed = 0
    """Bytes that have come since the last headers or part of a body was whole."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        _send_at_once(transport)
        self.transport = cast("asyncio.Transport", WholeAnswers(self.loop, transport))
        self._head = _Deadline(self.loop, self.limits.head_timeout, transport.close)
        self._reader = _Deadline(self.loop, self.limits.head_timeout, transport.abort)
        if len(self.connections) > self.limits.most:
            transport.close()
        self._head.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.cancel()
        self._reader.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._unparsed += len(data)
        try:
            self.parser.feed_data(data if self._part is _RequestPart.BODY else _without_upgrade(data))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            log.info("a call can't be read: %s", error)
            self.send_400_response("The call is no valid HTTP.")
        if self._unparsed > _LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response(f"Headers may have {_LARGEST_HEAD} bytes.")
        if self._part is _RequestPart.HEAD or self._is_idle():
            self._head.begin()

    def on_message_begin(self) -> None:
        self._part = _RequestPart.HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._part, self._unparsed = _RequestPart.BODY, 0
        self._head.cancel()
        super().on_headers_complete()
        self.headers = []  # what comes now is a trailer's

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part, self._unparsed = _RequestPart.NOTHING, 0
        self._head.cancel()
        self.scope[BODY_IS_THERE] = True  # type: ignore[literal-required]
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._part is _RequestPart.BODY and self.cycle.response_complete:
            self._head.begin()  # answered before its body was there

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reader.cancel()

    def _is_idle(self) -> bool:
        """Whether no call is under way, and uvicorn does not wait for one either."""
        if self._part is not _RequestPart.NOTHING or self.timeout_keep_alive_task is not None:
            return False
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete


def limited_protocol(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """The protocol of a server with these limits."""

    class OfServer(LimitedProtocol):
        pass

    OfServer.limits = limits
    return OfServer


def _without_upgrade(data: bytes) -> bytes:
    """The bytes with the wish for another protocol under a name that says nothing to the parser.

    The wish is never granted, and the parser would pass over the call's body: Java's client wishes for HTTP/2
    with each call.
    """
    wish = _UPGRADE.search(data, 0, data.find(b"\r\n\r\n") + 1 or len(data))
    return data if wish is None else data[: wish.start(1)] + b"x-" + data[wish.start(1) + 2 :]


def _send_at_once(transport: asyncio.Transport) -> None:
    """asyncio does so for sockets that name their protocol; without it each answer waits 40 ms for the
    client's acknowledgement of its first packet."""
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
