"""Workers in Redis: what each process says of itself every few seconds, by the clock of Redis.

A process that ends in good order takes its report back; one that was killed leaves it, and it gets old.
"""

import msgspec
from msgspec import Struct

from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text


class EndpointReport(Struct, frozen=True):
    """An endpoint of an LLM as one process sees it.

    Attributes:
        url: without its password.
        is_open: no call begins, but for one probe at a time, because calls have failed.
    """

    url: str
    model: str
    is_open: bool


class EncoderReport(Struct, frozen=True):
    """An encoder as one process sees it.

    Attributes:
        source: its kind and place, without a password.
        prompt: hash of its prompt; empty where it has none.
        since: Unix milliseconds, by the clock of the process, at which it became open, or ceased to be.
        problem: why it can't be used; empty where it is open.
    """

    source: str
    prompt: str
    since: int
    problem: str = ""


class WorkerReport(Struct, frozen=True):
    """What a process says of itself.

    Attributes:
        name: unique.
        started_at: Unix milliseconds, by its own clock.
        problems: why it is not ready; empty where it is.
        endpoints: that it has called.
        encoders: that it has opened, or tried to.
    """

    name: str
    host: str
    roles: tuple[str, ...]
    started_at: int
    problems: tuple[str, ...] = ()
    endpoints: tuple[EndpointReport, ...] = ()
    encoders: tuple[EncoderReport, ...] = ()


class HeardWorker(Struct, frozen=True):
    """A report, and how many seconds ago it was given."""

    report: WorkerReport
    age: float


_REPORT = msgspec.json.Decoder(WorkerReport)


class WorkerStore:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._beat = connection.script("workers_beat")

    async def beat(self, report: WorkerReport) -> None:
        """Give a report, in place of the one before. Reports of an hour ago are removed."""
        with self._connection.client():
            await self._beat([self._keys.workers], [report.name, msgspec.json.encode(report)])

    async def remove(self, name: str) -> None:
        """Take a report back."""
        with self._connection.client() as redis:
            await redis.hdel(self._keys.workers, name)

    async def read(self) -> list[HeardWorker]:
        """All reports, by name; what can't be read is left out: it is of another release."""
        with self._connection.client() as redis:
            found = await redis.hvals(self._keys.workers)
            seconds, micros = await redis.time()
        now, heard = seconds * 1_000 + micros // 1_000, []
        for entry in map(as_text, found):
            at, _, content = entry.partition(" ")
            try:
                heard.append(HeardWorker(_REPORT.decode(content), max(0, now - int(at)) / 1_000))
            except (ValueError, msgspec.DecodeError):
                continue
        return sorted(heard, key=lambda one: one.report.name)
