"""Metrics and health are read over HTTP, also while the event loop hangs."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from streams.errors import InvalidSettings
from streams.metrics import catalog
from streams.metrics.health import EventLoopWatch, Health
from streams.metrics.registry import MetricRegistry
from streams.metrics.server import MetricsServer
from streams.metrics_settings import MetricsSettings


@asynccontextmanager
async def serving(metrics: MetricRegistry, health: Health) -> AsyncIterator[MetricsServer]:
    server = MetricsServer(MetricsSettings(port=0), metrics, health)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def get(server: MetricsServer, path: str) -> tuple[int, str]:
    response = await asyncio.to_thread(httpx2.get, f"{server.url}{path}")
    return response.status_code, response.text


async def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop would wait for a DNS that hangs."""
    monkeypatch.setattr("socket.getfqdn", lambda _: pytest.fail("looked up a name"))
    async with serving(MetricRegistry(), Health()) as server:
        assert await get(server, "/health/live") == (200, "ok\n")


async def test_a_client_that_says_nothing_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streams.metrics.server._Quiet.timeout", 0.01)
    async with serving(MetricRegistry(), Health()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        assert await reader.read() == b""
        writer.close()
    assert "Traceback" not in capfd.readouterr().err


async def test_metrics_and_health_have_a_page_each() -> None:
    metrics, health = MetricRegistry(), Health()
    metrics.add(catalog.DECISIONS, 3, "t", "accepted")
    async with serving(metrics, health) as server:
        status, text = await get(server, "/metrics")
        assert status == 200
        assert 'understudy_decisions_total{reason="accepted",task="t"} 3.0' in text
        assert "process_resident_memory_bytes" in text
        assert await get(server, "/health/live") == (200, "ok\n")
        status, text = await get(server, "/health/ready")
        assert (status, text) == (
            503,
            "the worker has not started yet: it reads the config and looks up policies\n",
        )
        health.has_started = True
        assert await get(server, "/health/ready") == (200, "ok\n")
        assert (await get(server, "/"))[0] == 404
        refused = await asyncio.to_thread(httpx2.post, f"{server.url}/metrics")
        assert refused.status_code == 405


async def test_it_answers_while_the_event_loop_hangs() -> None:
    found: list[int] = []
    health = Health(clock=lambda: 1e9 if hung.is_set() else 0.0)
    hung = threading.Event()
    health.note_turn()
    async with serving(MetricRegistry(), health) as server:
        asker = threading.Thread(
            target=lambda: found.append(httpx2.get(f"{server.url}/health/live").status_code)
        )
        hung.set()
        asker.start()
        asker.join()  # blocks the event loop until the answer is there
    assert found == [503]


async def test_a_late_turn_of_the_event_loop_is_shown() -> None:
    metrics, health = MetricRegistry(), Health()
    watch = EventLoopWatch(health, metrics)
    await watch.start()
    await asyncio.sleep(0.1)
    time.sleep(1.2)  # noqa: ASYNC251 - this is what is to be noticed
    await asyncio.sleep(0.1)
    await watch.stop()
    line = next(
        one for one in metrics.text().decode().splitlines() if one.startswith("understudy_event_loop")
    )
    assert float(line.split()[1]) > 0.5


async def test_a_port_that_is_taken_is_said() -> None:
    async with serving(MetricRegistry(), Health()) as server:
        port = int(server.url.rsplit(":", 1)[1])
        with pytest.raises(InvalidSettings, match="UNDERSTUDY_METRICS__PORT"):
            await MetricsServer(MetricsSettings(port=port), MetricRegistry(), Health()).start()
