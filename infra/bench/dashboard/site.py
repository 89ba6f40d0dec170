"""The dashboard in a process of its own, on a real Redis; Kafka, which it asks nothing, is left out."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple

from schemas.config import parse_override
from schemas.messages import Label, Reason
from schemas.redis_keys import Keys
from streams.clock import unix_ms
from streams.dashboard.routes import DashboardRoutes
from streams.dashboard.tasks.label_counts import LabelTally
from streams.dashboard.tasks.reader import ViewReader
from streams.dashboard.view_streams import ViewStreams
from streams.gateway.app import create_gateway
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings
from streams.state.connection import Connection
from streams.state.running_refits import RunningRefits
from streams.state.spending import SpendingStore
from streams.status.status_reader import StatusReader
from streams.tasks import Tasks

_LABELS_A_TURN = 50
_TURN = 0.1
_PATIENCE = 60.0


class DashboardSite(NamedTuple):
    """Where the dashboard is served, and the number of its process."""

    url: str
    process: int


@contextmanager
def dashboard_site(redis_url: str, prefix: str, names: Sequence[str]) -> Iterator[DashboardSite]:
    """A dashboard that runs until the context ends. It gets 500 labels a second, spread over all tasks."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(redis_url, prefix, tuple(names), theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(_PATIENCE):
            raise AssertionError("the dashboard's process does not start")
        yield DashboardSite(ours.recv(), process.pid or 0)
    finally:
        ours.send("end")
        process.join(_PATIENCE)


def _serve(redis_url: str, prefix: str, names: Sequence[str], pipe: Pipe) -> None:
    asyncio.run(_run(redis_url, prefix, names, pipe))


async def _run(redis_url: str, prefix: str, names: Sequence[str], pipe: Pipe) -> None:
    connection, keys, tasks = Connection(redis_url), Keys(prefix), Tasks()
    for name in names:
        tasks.configure(name, parse_override(b'{"target_agreement": 0.95}', key=name))
    tally = LabelTally(unix_ms)
    streams = ViewStreams(CallerCheck(is_local=True, keys=dict))
    reader = ViewReader(
        StatusReader(connection, keys, 5),
        SpendingStore(connection, keys),
        RunningRefits(connection, keys),
        tasks,
        tally,
        unix_ms,
    )
    settings = GatewaySettings(port=0)
    app = create_gateway(settings, DashboardRoutes(streams, reader).routes(), call_limits(settings))
    server = GatewayServer(app, settings, 5.0, streams.end)
    await server.start()
    feeding = asyncio.create_task(_feed(tally, names))
    pipe.send(server.url)
    await asyncio.to_thread(pipe.recv)
    feeding.cancel()
    await server.stop()
    await connection.aclose()


async def _feed(tally: LabelTally, names: Sequence[str]) -> None:
    chance = random.Random(2)
    while True:
        now = unix_ms()
        tally.note(_label(chance, chance.choice(names), now) for _ in range(_LABELS_A_TURN))
        await asyncio.sleep(_TURN)


def _label(chance: random.Random, task: str, now: int) -> Label:
    if chance.random() < 0.7:
        return Label("r", task, "yes", "surrogate", Reason.ACCEPTED, now, now)
    return Label("r", task, "yes", "teacher", chance.choice((Reason.NOVEL, Reason.LOW_SCORE)), now, now)
