"""Load on an HTTP server, from a process of its own: `python -m infra.bench.gateway.load JOB`.

Closed: each connection asks again as soon as it has its answer. Open: calls come at random moments at a
steady rate, whether or not the earlier ones are answered, and each one's latency counts from the moment at
which it was due. A server that closes a connection after each answer is connected to again, at its cost.

It reads no more of a response than its status and its length, because it runs on the machine it loads.
"""

import asyncio
import re
import resource
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from infra.bench.open_loop import due_times, quantile

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"^HTTP/1\.0|\r\nconnection: *close", re.IGNORECASE)
_END = b"\r\n\r\n"
_RETRY = 0.01
_PATIENCE = 5.0


class LoadJob(Struct, frozen=True):
    """What to ask, and how often.

    Attributes:
        port: on 127.0.0.1.
        bodies: file with a body a line, which are sent in turns.
        marker: text that an answer must have to count as one.
        connections: at the same time.
        rate: calls a second; None: as fast as answers come.
        seconds: that are measured, after `warm_up` seconds that are not.
    """

    port: int
    path: str
    bodies: str
    marker: str
    connections: int
    rate: float | None = None
    seconds: float = 5.0
    warm_up: float = 1.0


class LoadResult(Struct, frozen=True):
    """Attributes:
    rate: answered calls a second.
    p50, p99, p999: milliseconds.
    calls: those of the warm-up too.
    failed: calls without status 200, without the marker, or that broke off.
    cpu: seconds of this process's own.
    """

    rate: float
    p50: float
    p99: float
    p999: float
    calls: int
    failed: int
    cpu: float


class _LoadConnection(asyncio.Protocol):
    """One call at a time.

    Args:
        answered: told of each answer: the connection, and whether it was a good one.
    """

    def __init__(self, job: LoadJob, answered: Callable[["_LoadConnection", bool], None]) -> None:
        self._port, self._marker = job.port, job.marker.encode()
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._asked: bytes | None = None
        self._received = b""
        self._connecting: asyncio.Task[None] | None = None
        self.due = 0.0

    def ask(self, request: bytes, due: float) -> None:
        self.due, self._asked, self._received = due, request, b""
        if self._transport is not None:
            self._transport.write(request)
        else:
            self._connecting = asyncio.create_task(self._connect())

    def close(self) -> None:
        self._asked = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        if self._asked is not None:
            transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        end = self._received.find(_END)
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end)
        if length is None or len(self._received) < end + len(_END) + int(length[1]):
            return
        is_good = self._received[9:12] == b"200" and self._marker in self._received
        if _CLOSES.search(self._received, 0, end) and self._transport is not None:
            self._transport.close()
            self._transport = None
        self._finish(is_good)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._transport is not None:
            self._transport = None
            if self._asked is not None:
                self._finish(is_good=False)

    def _finish(self, is_good: bool) -> None:
        self._asked = None
        self._answered(self, is_good)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.create_connection(lambda: self, "127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(_RETRY)
            else:
                return


async def run(job: LoadJob) -> LoadResult:
    """Call until the time is over."""
    return await _Load(job).run()


class _Load:
    def __init__(self, job: LoadJob) -> None:
        self._job = job
        self._requests = requests_in(job)
        self._connections = [_LoadConnection(job, self._note) for _ in range(job.connections)]
        self._idle = deque(self._connections)
        self._waiting: deque[float] = deque()
        self._latencies: list[float] = []
        self._calls = self._failed = 0

    async def run(self) -> LoadResult:
        began, used = time.perf_counter(), _cpu()
        self._from = began + self._job.warm_up
        self._until = self._from + self._job.seconds
        if self._job.rate is None:
            for connection in list(self._idle):
                self._ask(connection, began)
            await asyncio.sleep(self._until - began)
        else:
            await self._call_at(self._job.rate)
        cpu = _cpu() - used
        for connection in self._connections:
            connection.close()
        return self._result(cpu)

    async def _call_at(self, rate: float) -> None:
        began = time.perf_counter()
        for after in due_times(rate, self._until - began):
            due = began + after
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            if self._idle:
                self._ask(self._idle.popleft(), due)
            else:
                self._waiting.append(due)
        end = self._until + _PATIENCE
        while len(self._idle) < len(self._connections) and time.perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(_RETRY)
        self._failed += len(self._connections) - len(self._idle)

    def _ask(self, connection: _LoadConnection, due: float) -> None:
        connection.ask(self._requests[self._calls % len(self._requests)], due)
        self._calls += 1

    def _note(self, connection: _LoadConnection, is_good: bool) -> None:
        now = time.perf_counter()
        self._failed += not is_good
        if is_good and connection.due >= self._from and (self._job.rate is not None or now < self._until):
            self._latencies.append(now - connection.due)
        if self._job.rate is None:
            if now < self._until:
                self._ask(connection, now)
        elif self._waiting:
            self._ask(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _result(self, cpu: float) -> LoadResult:
        latencies = sorted(self._latencies)
        p50, p99, p999 = (quantile(latencies, share) * 1e3 for share in (0.5, 0.99, 0.999))
        rate = len(latencies) / self._job.seconds
        return LoadResult(rate, p50, p99, p999, self._calls, self._failed, cpu)


def requests_in(job: LoadJob) -> list[bytes]:
    """The whole requests, each with its body."""
    bodies = Path(job.bodies).read_bytes().splitlines()
    head = f"POST {job.path} HTTP/1.1\r\nhost: 127.0.0.1:{job.port}\r\ncontent-type: application/json\r\n"
    return [f"{head}content-length: {len(body)}\r\n\r\n".encode() + body for body in bodies]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _precise_loop() -> Any:
    """Epoll waits in whole milliseconds, select in microseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def main(job: str) -> None:
    asked = msgspec.json.decode(job, type=LoadJob)
    with asyncio.Runner(loop_factory=_precise_loop) as runner:
        result = runner.run(run(asked))
    sys.stdout.write(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    main(sys.argv[1])
