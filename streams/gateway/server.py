"""Server: uvicorn on the worker's event loop, which ends in good order with it."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from mode import Service
from starlette.types import ASGIApp

from streams.errors import InvalidSettings
from streams.gateway.limited_protocol import ConnectionLimits, limited_protocol
from streams.gateway.open_files import allow_open_files
from streams.gateway_settings import GatewaySettings

log = logging.getLogger(__name__)

_BACKLOG = 2_048


class GatewayServer(Service):
    """Serves an application over HTTP.

    Attributes:
        url: where it listens, once it has started.

    Args:
        drain: seconds that a stop waits for calls under way.
        end_streams: ends the calls that would go on for ever; called first at a stop.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: GatewaySettings,
        drain: float,
        end_streams: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._app = app
        self._drain = drain
        self._end_streams = end_streams
        self.url = ""

    async def on_start(self) -> None:
        allow_open_files(self._settings.connections)
        listening = listen(self._settings)
        host, port = listening.getsockname()[:2]
        self._server = _HttpServer(self._config())
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        await self._server.is_up.wait()
        scheme = "https" if self._settings.ssl_certfile else "http"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        log.info("gateway listens: %s", self.url)

    async def on_stop(self) -> None:
        self._end_streams()
        self._server.should_exit = True
        await self._serving

    def _config(self) -> uvicorn.Config:
        certificate, key = self._settings.ssl_certfile, self._settings.ssl_keyfile
        limits = ConnectionLimits(self._settings.body_timeout, self._settings.connections)
        return uvicorn.Config(
            self._app,
            http=limited_protocol(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, int(self._drain)),
            ssl_certfile=str(certificate) if certificate else None,
            ssl_keyfile=str(key) if key else None,
        )


class _HttpServer(uvicorn.Server):
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
