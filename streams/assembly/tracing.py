"""What traces the messages of a worker, and the service that sends the spans."""

import asyncio
import logging
import os
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Protocol
from urllib.parse import unquote

from mode import Service

from schemas.secrets import remember_secrets
from streams.errors import InvalidSettings
from streams.routing.daemon_thread import run_in_daemon
from streams.settings import Settings
from streams.tracing.contract import NO_TRACING, Tracing

log = logging.getLogger(__name__)

_EXPORT = "streams.tracing.otlp_export"
_LAST_SPANS = 5.0
"""Seconds that a stop waits for the last spans."""
_SECRET_HEADER = re.compile("auth|key|token|secret", re.IGNORECASE)
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


class SpanExport(Protocol):
    """Sends spans once it is started; `writer` records them."""

    @property
    def writer(self) -> Tracing: ...

    def start(self) -> None: ...

    def stop(self) -> None:
        """Send what waits; may block."""
        ...


def open_tracing(settings: Settings, instance: str) -> tuple[Tracing, list[Service]]:
    """What records spans, and the services that it needs: none where tracing is off.

    Args:
        instance: name of this process.

    Raises:
        InvalidSettings: the extra `otel` is not installed, or a variable of OpenTelemetry can't be used.
    """
    if settings.tracing == "none":
        return NO_TRACING, []
    remember_secrets(_secrets_in(os.environ))
    try:
        export: SpanExport = import_module(_EXPORT).OtlpExport(instance)
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            [f"`tracing` (UNDERSTUDY_TRACING): needs {error.name}: pip install 'understudy[otel]'"]
        ) from error
    except ValueError as error:
        raise InvalidSettings([f"a variable OTEL_* can't be used: {error}"]) from error
    return export.writer, [SpanExportService(export)]


class SpanExportService(Service):
    """Sends spans while the worker runs. A collector that is away holds up no message, and hardly a stop."""

    def __init__(self, export: SpanExport) -> None:
        super().__init__()
        self._export = export

    async def on_start(self) -> None:
        try:
            self._export.start()
        except ValueError as error:
            raise InvalidSettings([f"a variable OTEL_BSP_* can't be used: {error}"]) from error

    async def on_stop(self) -> None:
        try:
            async with asyncio.timeout(_LAST_SPANS):
                await run_in_daemon(self._export.stop, "last-spans")
        except TimeoutError:
            log.warning("the last spans could not be sent within %g s, they are lost", _LAST_SPANS)


def _secrets_in(environment: Mapping[str, str]) -> Iterator[str]:
    """Keys in the headers that the exporter sends, with their scheme and alone; a tenant is no secret."""
    for variable in _HEADERS:
        for pair in environment.get(variable, "").split(","):
            name, _, value = pair.partition("=")
            if _SECRET_HEADER.search(name):
                sent = unquote(value.strip())
                yield from (sent, sent.partition(" ")[2])
