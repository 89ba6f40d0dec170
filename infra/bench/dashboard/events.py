"""Memory of a real gateway while an hour's events come fast, and two pages watch.

An event a second of each of 20 tasks, 72,000 in all, through a real Kafka. One page shows all events, the
other all tasks.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2

from infra.bench.cpu import memory_bytes
from infra.bench.process import print_progress
from infra.bench.report import Figure, figure
from infra.bench.servers import deployed, servers
from infra.harness.deployment import Deployment
from infra.harness.worker import Worker
from schemas.codec import EVENT
from schemas.events import Event, RefitDetails
from streams.clock import unix_ms

_TASKS = 20
_EVENTS = 3_600 * _TASKS
_PARTS = 3
_SETTLED = 10.0
_PATIENCE = 300.0
_LISTENS = re.compile(r"gateway listens: (\S+)")
_EVENTS_PAGE, _TASKS_PAGE = "/dashboard/watch/events?folded=no", "/dashboard/stream"


@dataclass
class _Seen:
    """What both pages were told.

    Attributes:
        packed: bytes over the wire.
        awaited: words of an event; `is_told` once the page of events has them.
    """

    packed: int = 0
    awaited: bytes = b""
    is_told: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, told: bytes) -> None:
        if self.awaited and self.awaited in told:
            self.is_told.set()


def event_figures() -> list[Figure]:
    """Raises LocalServerError, StreamsError: a server or the gateway does not start."""
    print_progress(f"{_EVENTS:,} events and two watchers of a real gateway")
    with servers() as settings, deployed(settings, "events") as deployment:
        for number in range(_TASKS):
            deployment.configure(f"task-{number:02}", target_agreement=0.95)
        gateway = deployment.process("infra.cli", "gateway", "--port", "0")
        gateway.wait_for_text("is ready")
        found = _LISTENS.search(gateway.output())
        if found is None:
            raise gateway.failure("does not say where it listens")
        sizes, seen = asyncio.run(_sizes(deployment, gateway, found[1]))
        deployment.stop()
    before, *after = sizes
    return [
        figure("memory of a gateway with two watchers", [before / 1e6], "MB"),
        *(
            figure(f"after {_EVENTS * (part + 1) // _PARTS:,} events", [size / 1e6], "MB")
            for part, size in enumerate(after)
        ),
        figure("bytes over the wire to both", [seen.packed / 1e6], "MB"),
    ]


async def _sizes(deployment: Deployment, gateway: Worker, url: str) -> tuple[list[int], _Seen]:
    """Memory before the events, and after each part of them."""
    seen, sizes = _Seen(), list[int]()
    watching = [asyncio.create_task(_watch(url + page, seen)) for page in (_EVENTS_PAGE, _TASKS_PAGE)]
    try:
        await asyncio.sleep(_SETTLED)
        sizes.append(memory_bytes(gateway.process.pid))
        for part in range(_PARTS):
            seen.awaited, seen.is_told = _words(_EVENTS * (part + 1) // _PARTS - 1), asyncio.Event()
            await asyncio.to_thread(_produce, deployment, part)
            await asyncio.wait_for(seen.is_told.wait(), _PATIENCE)
            await asyncio.sleep(_SETTLED)
            sizes.append(memory_bytes(gateway.process.pid))
    finally:
        for watcher in watching:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
    return sizes, seen


def _produce(deployment: Deployment, part: int) -> None:
    producer = deployment.producer()
    for event in _events(part):
        producer.produce(deployment.topics.events, EVENT.encode(event), event.task.encode())
        producer.poll(0)
    if producer.flush(60):
        raise AssertionError("the events did not reach the broker")


def _words(number: int) -> bytes:
    """By which an event is known."""
    return f"event {number} of an hour".encode()


def _events(part: int) -> Iterator[Event]:
    for place in range(_EVENTS // _PARTS):
        number, task = part * _EVENTS // _PARTS + place, f"task-{place % _TASKS:02}"
        said = f"{task}: {_words(number).decode()}, with a sentence as long as most of them are"
        yield RefitDetails(f"v{place // _TASKS}", 900, 1).event(task, unix_ms(), said)


async def _watch(url: str, seen: _Seen) -> None:
    async with httpx2.AsyncClient(timeout=None) as client, client.stream("GET", url) as answer:
        before, told = 0, b""
        async for part in answer.aiter_bytes():
            now = answer.num_bytes_downloaded
            seen.packed, before = seen.packed + now - before, now
            told = told[-len(seen.awaited) :] + part
            seen.note(told)
