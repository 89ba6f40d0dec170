"""Server: uvicorn on the worker's event loop, which ends in good order with it."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from mode import Service
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from streams.errors import InvalidSettings
from streams.gateway.open_files import allow_open_files
from streams.gateway_settings import GatewaySettings

log = logging.getLogger(__name__)

_LARGEST_HEAD = 64 * 1024
_BACKLOG = 2_048


class GatewayServer(Service):
    """Serves an application over HTTP.

    Attributes:
        url: where it listens, once it has started.

    Args:
        drain: seconds that a stop waits for calls under way.
    """

    def __init__(self, app: ASGIApp, settings: GatewaySettings, drain: float) -> None:
        super().__init__()
        self._settings = settings
        self._app = app
        self._drain = drain
        self.url = ""

    async def on_start(self) -> None:
        allow_open_files(self._settings.connections)
        listening = listen(self._settings)
        host, port = listening.getsockname()[:2]
        self._server = _Server(self._config())
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        await self._server.is_up.wait()
        scheme = "https" if self._settings.ssl_certfile else "http"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        log.info("gateway listens: %s", self.url)

    async def on_stop(self) -> None:
        self._server.should_exit = True
        await self._serving

    def _config(self) -> uvicorn.Config:
        certificate, key = self._settings.ssl_certfile, self._settings.ssl_keyfile
        return uvicorn.Config(
            self._app,
            http=protocol(self._settings.body_timeout, self._settings.connections),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
            timeout_graceful_shutdown=max(1, int(self._drain)),
            ssl_certfile=str(certificate) if certificate else None,
            ssl_keyfile=str(key) if key else None,
        )


class _Server(uvicorn.Server):
    """Leaves the signals to the worker, and says when it takes connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: GatewaySettings) -> socket.socket:
    """A listening socket. Raises InvalidSettings: the address can't be had."""
    host, port = settings.host, settings.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        problem = (
            f"`gateway__port` (UNDERSTUDY_GATEWAY__PORT): can't listen on {host}:{port}: {error.strerror}; "
            "choose another port (0: any that is free), or leave the role gateway out"
        )
        raise InvalidSettings([problem]) from error


def protocol(head_timeout: float, most: int) -> type[H11Protocol]:
    """uvicorn's HTTP protocol with more limits, so that slow clients hold nothing for long.

    Args:
        head_timeout: seconds that a request's headers may take, from their first byte or, of the first
            request, from the opening of the connection; that the rest of a body may take which is not read,
            since the call was refused; and that a client may leave an answer unread.
        most: open connections.
    """

    class LimitedProtocol(H11Protocol):
        _head_due: asyncio.TimerHandle | None = None
        _read_due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            # asyncio does so for sockets that name their protocol; without it each answer waits 40 ms for the
            # client's acknowledgement of its first packet.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(self.connections) > most:
                transport.close()
            self._watch_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch_head()
            self._unwatch_reader()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                if not self._leaves_body():
                    self._unwatch_head()
            elif self._head_due is None and self.timeout_keep_alive_task is None:
                self._watch_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._leaves_body() and self._head_due is None:
                self._watch_head()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._read_due = self.loop.call_later(head_timeout, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._unwatch_reader()

        def _leaves_body(self) -> bool:
            """Whether the call was answered before its body was there."""
            return self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete

        def _unwatch_reader(self) -> None:
            if self._read_due is not None:
                self._read_due.cancel()
                self._read_due = None

        def _watch_head(self) -> None:
            self._head_due = self.loop.call_later(head_timeout, self.transport.close)

        def _unwatch_head(self) -> None:
            if self._head_due is not None:
                self._head_due.cancel()
                self._head_due = None

    return LimitedProtocol
