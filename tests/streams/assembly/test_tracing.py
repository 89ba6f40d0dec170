"""Tracing is off unless it is asked for; a collector that is away holds up nothing."""

import asyncio
import socket
import sys
import threading
from typing import Any

import pytest

from schemas.secrets import masked_known
from streams.assembly.tracing import SpanExportService, open_tracing
from streams.errors import InvalidSettings
from streams.settings import load_settings
from streams.tracing.contract import NO_TRACING
from tests.streams.fakes import deferral, message

pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")


def test_it_is_off_by_default() -> None:
    assert open_tracing(load_settings(), "one") == (NO_TRACING, [])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "streams.tracing.otlp_export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(InvalidSettings, match=r"UNDERSTUDY_TRACING.*pip install 'understudy\[otel\]'"):
        open_tracing(load_settings(tracing="otlp"), "one")


async def test_a_queue_that_can_not_be_is_an_error_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    _, (service,) = open_tracing(load_settings(tracing="otlp"), "one")
    with pytest.raises(InvalidSettings, match="OTEL_BSP_"):
        await service.on_start()


def test_a_variable_that_can_not_be_is_an_error_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many")
    with pytest.raises(InvalidSettings, match="OTEL_"):
        open_tracing(load_settings(tracing="otlp"), "one")


def test_keys_of_the_exporter_are_masked_and_tenants_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "authorization=Basic%20exporter-key-1,x-scope-orgid=exporter-tenant,x-api-key=exporter-key-2"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", given)
    open_tracing(load_settings(tracing="otlp"), "one")
    assert masked_known("exporter-key-1, exporter-key-2, exporter-tenant") == "***, ***, exporter-tenant"


async def test_spans_reach_no_collector_and_hold_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and says nothing, with a queue that is soon full."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
        monkeypatch.setattr("streams.assembly.tracing._LAST_SPANS", 0.2)
        tracing, (service,) = open_tracing(load_settings(tracing="otlp"), "one")
        async with service:
            for _ in range(100):
                assert tracing.step("route", message(b""), 1_000, deferral())
        (sending,) = [thread for thread in threading.enumerate() if thread.name == "last-spans"]
        assert sending.daemon
    await asyncio.to_thread(sending.join, 30)
    assert not sending.is_alive(), (
        "its thread calls `random`, which fails a property test that runs meanwhile"
    )


async def test_the_last_spans_are_sent_at_the_stop() -> None:
    class Export:
        writer: Any = NO_TRACING
        calls: list[str] = []  # noqa: RUF012 - of this test alone

        def start(self) -> None:
            self.calls.append("start")

        def stop(self) -> None:
            self.calls.append("stop")

    export = Export()
    async with SpanExportService(export):
        assert export.calls == ["start"]
    assert export.calls == ["start", "stop"]
