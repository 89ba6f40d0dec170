"""Stage of the faults: a gateway in a process of its own, its servers, clients that call at a steady pace."""

import asyncio
import statistics
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from infra.harness.worker import Worker
from schemas.codec import LABEL

TASK, HANGS, STREAMS = "asked", "hangs", "streams"
_CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
_EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Calls:
    """What became of calls.

    Attributes:
        outcomes: statuses, `ConnectError` and the like.
        sources: who answered.
        answered: ids of the surrogate's answers.
        milliseconds: of each call that got an answer.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return self.outcomes.total() - self.outcomes["200"]

    def quantile(self, hundredth: int) -> float:
        """Milliseconds."""
        return statistics.quantiles(self.milliseconds, n=100)[hundredth - 1]


async def call_steadily(url: str, texts: Sequence[str], per_second: float, seconds: float) -> Calls:
    """Classify at this pace, whether or not earlier calls have come back."""
    calls, count = Calls(), int(per_second * seconds)
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=url, timeout=60.0, limits=limits) as http:
        began, under_way = time.perf_counter(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            under_way.append(asyncio.create_task(_classify(http, texts[number % len(texts)], calls)))
        await asyncio.gather(*under_way)
    return calls


async def _classify(http: httpx2.AsyncClient, text: str, calls: Calls) -> None:
    began = time.perf_counter()
    try:
        reply = await http.post("/v1/classify", json={"task": TASK, "text": text})
    except httpx2.HTTPError as error:
        calls.outcomes[type(error).__name__] += 1
        return
    calls.outcomes[str(reply.status_code)] += 1
    if reply.status_code == httpx2.codes.OK:
        label = LABEL.decode(reply.content)
        calls.milliseconds.append((time.perf_counter() - began) * 1000.0)
        calls.sources[label.source] += 1
        if label.source == "surrogate":
            calls.answered.add(label.id)


class StrangeLlm:
    """Below `/hangs` it never answers, below `/streams` it never stops.

    Attributes:
        open: connections that wait for it, or read from it.
    """

    def __init__(self) -> None:
        self.open = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its URL."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4_096)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                if b" /streams/" in head:
                    await _stream(writer)
                while await reader.read(65_536):
                    pass
        finally:
            self.open -= 1
            writer.close()


async def _stream(writer: asyncio.StreamWriter) -> None:
    writer.write(_EVENTS)
    while not writer.is_closing():
        writer.write(b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK))
        await writer.drain()
        await asyncio.sleep(0.1)


class MemoryWatch:
    """The most resident memory of a process while it is watched, in MB."""

    def __init__(self, worker: Worker) -> None:
        self._status = Path(f"/proc/{worker.process.pid}/status")
        self._ends = threading.Event()
        self.before = self.most = self.now()

    def __enter__(self) -> "MemoryWatch":
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self.after = self.now()

    def now(self) -> float:
        """Resident memory; 0 where the system has no /proc."""
        lines = self._status.read_text().splitlines() if self._status.exists() else []
        return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS")), 0.0)

    def _watch(self) -> None:
        while not self._ends.wait(0.1):
            self.most = max(self.most, self.now())
