"""Who is measured: a worker of ours, the bare loop, stock Faust; each a process of its own, one at a time."""

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

_STOP = 30.0
_PROMPTLY = 15.0
_LAST_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class Contestant:
    """Attributes:
    name: in figures, and of its consumer group after the prefix.
    module: what `python -m` runs.
    arguments: given to it.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()


UNDERSTUDY = Contestant("route", "infra.cli", ("worker", "route"))
BARE = Contestant("bare", "infra.bench.route.bare")
STOCK_FAUST = Contestant("faust", "infra.bench.route.stock_faust")


def pace(contestant: Contestant, settings: Settings, waiting: int) -> Pace:
    """Start it on the prepared topics, measure it, stop it, and forget how far it came.

    Args:
        waiting: requests in the topic.

    Raises:
        Stalled: it ended or stood still; with its last words.
    """
    group = f"{settings.prefix}.{contestant.name}"
    with tempfile.TemporaryFile() as log, _running(contestant, settings, log.fileno()) as process:
        meter = Meter(settings, settings.topics.requests, group, process)
        try:
            measured = meter.pace(waiting)
        except Stalled as error:
            size = os.fstat(log.fileno()).st_size
            words = os.pread(log.fileno(), _LAST_WORDS, max(0, size - _LAST_WORDS))
            raise Stalled(f"{error}\n{words.decode(errors='replace')}") from error
        finally:
            meter.close()
    admin = AdminClient(admin_options(settings))
    admin.delete_consumer_groups([group], request_timeout=_PROMPTLY)[group].result(_PROMPTLY)
    return measured


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
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
