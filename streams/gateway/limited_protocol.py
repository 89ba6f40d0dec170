"""uvicorn's HTTP protocol on httptools, with more limits, so that slow clients hold nothing for long."""

import asyncio
import logging
import re
import socket
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

log = logging.getLogger(__name__)

_UPGRADE = re.compile(rb"\r\n(upgrade) *:", re.IGNORECASE)
_LARGEST_HEAD = 64 * 1024


class _Step(Enum):
    """What the connection's next bytes are of."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


def limited_protocol(head_timeout: float, most: int) -> type[HttpToolsProtocol]:
    """The protocol of a server.

    Args:
        head_timeout: seconds that a request's headers may take, from their first byte or, of the first
            request, from the opening of the connection; that the rest of a body may take which is not read,
            since the call was refused; and that a client may leave an answer unread.
        most: open connections.
    """

    class LimitedProtocol(HttpToolsProtocol):
        _step = _Step.NOTHING
        _unparsed = 0
        """Bytes that have come since the last headers or part of a body was whole."""
        _head_due: asyncio.TimerHandle | None = None
        _read_due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            _send_at_once(transport)
            if len(self.connections) > most:
                transport.close()
            self._watch_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch_head()
            self._unwatch_reader()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._unset_keepalive_if_required()
            self._unparsed += len(data)
            try:
                self.parser.feed_data(data if self._step is _Step.BODY else _without_upgrade(data))
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
                log.info("a call can't be read: %s", error)
                self.send_400_response("The call is no valid HTTP.")
            if self._unparsed > _LARGEST_HEAD and not self.transport.is_closing():
                self.send_400_response(f"Headers may have {_LARGEST_HEAD} bytes.")
            if self._step is _Step.HEAD or self._is_idle():
                self._watch_head()

        def on_message_begin(self) -> None:
            self._step = _Step.HEAD
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._step is _Step.HEAD:  # not of a trailer
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._step, self._unparsed = _Step.BODY, 0
            self._unwatch_head()
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._unparsed = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._step, self._unparsed = _Step.NOTHING, 0
            self._unwatch_head()
            super().on_message_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._step is _Step.BODY and self.cycle.response_complete:
                self._watch_head()  # answered before its body was there

        def pause_writing(self) -> None:
            super().pause_writing()
            self._read_due = self.loop.call_later(head_timeout, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._unwatch_reader()

        def _is_idle(self) -> bool:
            """Whether no call is under way, and uvicorn does not wait for one either."""
            if self._step is not _Step.NOTHING or self.timeout_keep_alive_task is not None:
                return False
            cycle: RequestResponseCycle | None = self.cycle
            return cycle is None or cycle.response_complete

        def _unwatch_reader(self) -> None:
            if self._read_due is not None:
                self._read_due.cancel()
                self._read_due = None

        def _watch_head(self) -> None:
            if self._head_due is None:
                self._head_due = self.loop.call_later(head_timeout, self.transport.close)

        def _unwatch_head(self) -> None:
            if self._head_due is not None:
                self._head_due.cancel()
                self._head_due = None

    return LimitedProtocol


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
