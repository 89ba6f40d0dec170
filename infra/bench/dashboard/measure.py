"""`bench dashboard`: what the page of all tasks costs a gateway, and how soon it is there.

On a real Redis with 200 tasks that have months of history. The dashboard runs in its own process and gets
500 labels a second. Twenty of the tasks have another audit each second. Watchers read as the page does.
Chromium loads the page of all tasks. Then a real gateway reads an hour's events, see `events`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import httpx2
from redis import Redis

from infra.bench.cpu import cpu_seconds, memory_bytes, require_psutil
from infra.bench.dashboard.events import event_figures
from infra.bench.dashboard.fill import audit, fill, fitted_policy, task_names
from infra.bench.dashboard.page_load import page_figures
from infra.bench.dashboard.site import DashboardSite, dashboard_site
from infra.bench.process import print_progress
from infra.bench.report import Figure, Report, figure, report
from infra.bench.request import BenchRequest
from infra.harness.deployment import fresh_prefix
from infra.local.embedded_redis import EmbeddedRedis
from schemas.redis_keys import Keys

TASKS = 200
WATCHERS = 20
_AUDITED = 20
_QUIET = 20.0
_OVERVIEW = "/dashboard/stream"


@dataclass
class Heard:
    """What one watcher received: the number of events, their bytes in all, and those over the wire."""

    events: int = 0
    bytes: int = 0
    packed: int = 0


def measure(request: BenchRequest) -> Report:
    """Raises:
    MissingLibrary: psutil is not installed.
    LocalServerError: Redis does not start.
    """
    require_psutil()
    keys, names = Keys(fresh_prefix("bench")), task_names(TASKS)
    with EmbeddedRedis() as server, Redis.from_url(server.url) as redis:
        print_progress(f"filling Redis with {TASKS} tasks")
        fill(redis, keys, names, fitted_policy())
        with dashboard_site(server.url, keys.prefix, names) as site:
            figures = asyncio.run(_figures(site, redis, keys, names, request))
            figures += page_figures(f"{site.url}/dashboard", request.runs)
    return report([*figures, *event_figures()])


async def _figures(
    site: DashboardSite, redis: Redis, keys: Keys, names: Sequence[str], request: BenchRequest
) -> list[Figure]:
    auditing = asyncio.create_task(_audit(redis, keys, names[:_AUDITED]))
    started = memory_bytes(site.process)
    cold = await _first_view(site.url, _OVERVIEW)
    figures = [
        figure("first view of all tasks, first reader", [1_000 * cold[0]], "ms"),
        *await _first_views(site, request.runs),
        *await _of_one_watcher(site),
        *await _of_many(site, names, 60.0 * request.minutes, started),
    ]
    auditing.cancel()
    return figures


async def _first_views(site: DashboardSite, runs: int) -> list[Figure]:
    """Nobody else watches, so each view is read from Redis."""
    print_progress("first views")
    overviews = [await _first_view(site.url, _OVERVIEW) for _ in range(max(runs, 5))]
    tasks = [await _first_view(site.url, f"{_OVERVIEW}/task-{number:03}") for number in range(max(runs, 5))]
    return [
        *_of_views("first view of all tasks", overviews),
        *_of_views("first view of one task, with a history of 500 points", tasks),
    ]


def _of_views(name: str, views: Sequence[tuple[float, int, int]]) -> list[Figure]:
    return [
        figure(name, [1_000 * seconds for seconds, _, _ in views], "ms"),
        figure("its bytes", [size / 1e3 for _, size, _ in views], "kB"),
        figure("its bytes over the wire", [packed / 1e3 for _, _, packed in views], "kB"),
    ]


async def _of_one_watcher(site: DashboardSite) -> list[Figure]:
    print_progress("one watcher of all tasks")
    idle = await _cpu_of(site, asyncio.sleep(_QUIET))
    heard = Heard()
    busy = await _cpu_of(site, _watch(site.url, _OVERVIEW, _QUIET, heard))
    looks = max(1, heard.events)
    return [
        figure("CPU of the labels alone", [100 * idle / _QUIET], "% of a core"),
        figure("CPU of a look at all tasks", [1_000 * (busy - idle) / looks], "ms"),
        figure("time between two looks", [_QUIET / looks], "s"),
    ]


async def _of_many(site: DashboardSite, names: Sequence[str], seconds: float, started: int) -> list[Figure]:
    print_progress(f"{WATCHERS} watchers for {seconds:g} s")
    paths = [_OVERVIEW if number % 2 else f"{_OVERVIEW}/{names[number]}" for number in range(WATCHERS)]
    heard = [Heard() for _ in paths]
    watching = asyncio.gather(
        *(_watch(site.url, path, seconds, one) for path, one in zip(paths, heard, strict=True))
    )
    used = await _cpu_of(site, watching)
    ended = memory_bytes(site.process)
    overview = [one.packed / seconds / 1e3 for one in heard[1::2]]
    task = [one.packed / seconds / 1e3 for one in heard[::2]]
    plain_overview = [one.bytes / seconds / 1e3 for one in heard[1::2]]
    plain_task = [one.bytes / seconds / 1e3 for one in heard[::2]]
    return [
        figure(f"CPU with {WATCHERS} watchers, 11 views", [100 * used / seconds], "% of a core"),
        figure("over the wire to a watcher of all tasks", overview, "kB/s", "unpacked", plain_overview),
        figure("over the wire to a watcher of one task", task, "kB/s", "unpacked", plain_task),
        figure("memory of the process at its end", [ended / 1e6], "MB", "at its start", [started / 1e6]),
    ]


async def _cpu_of(site: DashboardSite, work: "asyncio.Future[object] | object") -> float:
    """Seconds of CPU that the site has used while something was awaited."""
    before = cpu_seconds(site.process)
    await work  # type: ignore[misc]
    return cpu_seconds(site.process) - before


async def _first_view(url: str, path: str) -> tuple[float, int, int]:
    """Seconds until the first view is there whole, its bytes, and those over the wire."""
    began = time.perf_counter()
    async with aclosing(_events(url, path)) as events:
        sizes = await anext(events)
    seconds = time.perf_counter() - began
    await asyncio.sleep(0.2)  # until the dashboard has seen the end of this stream
    return seconds, *sizes


async def _watch(url: str, path: str, seconds: float, heard: Heard) -> None:
    async def listen() -> None:
        async with aclosing(_events(url, path)) as events:
            async for size, packed in events:
                heard.events += 1
                heard.bytes += size
                heard.packed += packed

    try:
        await asyncio.wait_for(listen(), seconds)
    except TimeoutError:
        return


async def _events(url: str, path: str) -> AsyncGenerator[tuple[int, int], None]:
    """The size of each event, and its bytes over the wire, once it is there whole."""
    async with httpx2.AsyncClient(timeout=60.0) as client, client.stream("GET", url + path) as answer:
        size = before = 0
        async for part in answer.aiter_bytes():
            size += len(part)
            if part.endswith(b"\n\n"):
                now = answer.num_bytes_downloaded
                yield size, now - before
                size, before = 0, now


async def _audit(redis: Redis, keys: Keys, names: Sequence[str]) -> None:
    while True:
        for name in names:
            audit(redis, keys, name)
        await asyncio.sleep(1.0)
