"""Contestants: our worker, the same without counts, the bare loop, stock Faust; one process at a time."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from infra.bench.route.meter import Meter, Pace
from infra.harness.waiting import Stalled
from infra.harness.worker import environment
from streams.kafka.clients import admin_options
from streams.settings import Settings

_STOP_S = 30.0
_TIMEOUT_S = 15.0
_LOG_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class Contestant:
    """Attributes:
    name: in progress lines.
    group: its consumer group, after the prefix.
    module: what `python -m` runs.
    arguments: given to it.
    """

    name: str
    group: str
    module: str
    arguments: tuple[str, ...] = ()


UNDERSTUDY = Contestant("route", "route", "infra.cli", ("worker", "route"))
UNCOUNTED = Contestant("uncounted", "route", "infra.bench.route.uncounted", ("worker", "route"))
BARE = Contestant("bare", "bare", "infra.bench.route.bare")
STOCK_FAUST = Contestant("faust", "faust", "infra.bench.route.stock_faust")


def measure_pace(contestant: Contestant, settings: Settings, waiting: int) -> Pace:
    """Start it on the prepared topics, measure it, stop it, and delete its consumer group.

    Args:
        waiting: requests in the topic.

    Raises:
        Stalled: it ended or committed nothing; with the end of its log.
    """
    group = f"{settings.prefix}.{contestant.group}"
    with tempfile.TemporaryFile() as log, _running(contestant, settings, log.fileno()) as process:
        meter = Meter(settings, settings.topics.requests, group, process)
        try:
            pace = meter.pace(waiting)
        except Stalled as error:
            size = os.fstat(log.fileno()).st_size
            tail = os.pread(log.fileno(), _LOG_TAIL, max(0, size - _LOG_TAIL))
            raise Stalled(f"{error}\n{tail.decode(errors='replace')}") from error
        finally:
            meter.close()
    admin = AdminClient(admin_options(settings))
    admin.delete_consumer_groups([group], request_timeout=_TIMEOUT_S)[group].result(_TIMEOUT_S)
    return pace


@contextmanager
def _running(contestant: Contestant, settings: Settings, log: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", contestant.module, *contestant.arguments],
        env=environment(settings),
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
