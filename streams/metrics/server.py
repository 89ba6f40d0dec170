"""Metrics server: `/metrics`, `/health/live` and `/health/ready` on a port of the process.

In a thread of its own, so that it answers also while the event loop hangs, and can say so.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST

from streams.errors import InvalidSettings
from streams.metrics.health import Health
from streams.metrics.registry import MetricRegistry
from streams.metrics_settings import MetricsSettings

log = logging.getLogger(__name__)

_TEXT = "text/plain; charset=utf-8"
_IDLE = 10.0
"""Seconds that a client may take for its request."""

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Response = tuple[str, str, bytes]


class MetricsServer(Service):
    """Attributes:
    url: where it listens, once it has started.
    """

    def __init__(self, settings: MetricsSettings, metrics: MetricRegistry, health: Health) -> None:
        super().__init__()
        self._settings = settings
        self._metrics = metrics
        self._process_health = health
        self.url = ""

    async def on_start(self) -> None:
        self._server = self._listen()
        self.url = f"http://{self._settings.host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        log.info("metrics and health: %s", self.url)

    async def on_stop(self) -> None:
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()

    def _listen(self) -> WSGIServer:
        host, port = self._settings.host, self._settings.port or 0
        try:
            return make_server(host, port, self._answer, _MetricsServer, _Quiet)
        except OSError as error:
            problem = (
                f"`metrics__port` (UNDERSTUDY_METRICS__PORT): can't listen on {host}:{port}: "
                f"{error.strerror}; choose another port (0: any that is free)"
            )
            raise InvalidSettings([problem]) from error

    def _answer(self, call: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        status, kind, body = self._response(call["REQUEST_METHOD"], call["PATH_INFO"])
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def _response(self, method: str, path: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return "405 Method Not Allowed", _TEXT, b"only GET\n"
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, self._metrics.text()
        if path == "/health/live":
            problem = self._process_health.not_alive()
            return _health([problem] if problem else [])
        if path == "/health/ready":
            return _health(self._process_health.not_ready())
        return "404 Not Found", _TEXT, b"there are /metrics, /health/live and /health/ready\n"


def _health(problems: list[str]) -> Response:
    if not problems:
        return "200 OK", _TEXT, b"ok\n"
    return "503 Service Unavailable", _TEXT, "".join(f"{problem}\n" for problem in problems).encode()


class _MetricsServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind, without a look-up of the host's name: the event loop would wait for a DNS that hangs."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that says nothing, or hangs up, is no error of ours."""
        log.debug("request for metrics failed: client=%s", client_address, exc_info=True)


class _Quiet(WSGIRequestHandler):
    """Logs no request: a probe comes every few seconds."""

    timeout = _IDLE

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is the library's
        log.debug(format, *args)
