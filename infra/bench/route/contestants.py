"""Who is measured: each a process of its own, started afresh, alone on the broker while it runs."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.bench.route.meter import Meter, Pace
from streams.kafka.clients import admin_options
from streams.settings import Settings

_STOP = 60.0
_PROMPTLY = 15.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """Attributes:
    name: in figures.
    command: what to run, given the settings and a group and an output topic of its own.
    """

    name: str
    command: Callable[[Settings, str, str], Sequence[str]]


def _module(name: str) -> Callable[[Settings, str, str], Sequence[str]]:
    def command(settings: Settings, group: str, output: str) -> Sequence[str]:
        servers = str(settings.kafka["bootstrap.servers"])
        return [sys.executable, "-m", name, servers, settings.topics.requests, output, group]

    return command


def _worker(*_: object) -> Sequence[str]:
    return [sys.executable, "-m", "infra.cli", "worker", "route"]
