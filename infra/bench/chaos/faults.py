"""Faults: what each kind does to the stage. Each function returns once the fault is over."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from redis import Redis

from infra.bench.chaos.endpoint import Mood
from infra.bench.chaos.plan import Fault, Kind
from infra.bench.chaos.redis_copy import set_back, take_copy
from infra.bench.chaos.stage import ChaosStage

HOUR_S = 3_590.0
"""A broker refuses messages that are dated more than an hour ahead."""
FILE_SIZE = 32_768
"""Bytes that a file may have on the full disk: more than a log, and less than a policy."""
_PATIENCE_S = 60.0


def inject(fault: Fault, stage: ChaosStage) -> None:
    """Have it happen, and wait until it is over.

    Raises:
        LocalServerError: a server does not start again.
    """
    _FAULTS[fault.kind](fault, stage)


def _kill(fault: Fault, stage: ChaosStage) -> None:
    seat = (fault.role, fault.number)
    with stage.fleet.hold(seat):
        stage.fleet.worker(seat).kill()
        time.sleep(fault.seconds)
        stage.fleet.start(seat)


def _stop(fault: Fault, stage: ChaosStage) -> None:
    seat = (fault.role, fault.number)
    with stage.fleet.hold(seat):
        stage.fleet.stop(seat)
        time.sleep(fault.seconds)
        stage.fleet.start(seat)


def _pause(fault: Fault, stage: ChaosStage) -> None:
    seat = (fault.role, fault.number)
    with stage.fleet.hold(seat):
        _pause_process(stage.fleet.worker(seat).process.pid, fault.seconds)


def _clock(fault: Fault, stage: ChaosStage) -> None:
    """Start a worker with its clock ahead, and once more with the right one after that."""
    seat = (fault.role, fault.number)
    with stage.fleet.hold(seat):
        stage.fleet.stop(seat)
        stage.fleet.start(seat, HOUR_S)
        time.sleep(fault.seconds)
        stage.fleet.stop(seat)
        stage.fleet.start(seat)


def _disk(fault: Fault, stage: ChaosStage) -> None:
    """Start a router that finds no copies of policies on its disk, and can write none."""
    seat = (fault.role, fault.number)
    with stage.fleet.hold(seat):
        stage.fleet.stop(seat)
        shutil.rmtree(stage.deployment.settings.data / "policies", ignore_errors=True)
        pid = stage.fleet.start(seat).process.pid
        _limit_files(pid, FILE_SIZE)
        time.sleep(fault.seconds)
        _limit_files(pid, resource.RLIM_INFINITY)


def _broker_restart(fault: Fault, stage: ChaosStage) -> None:
    if fault.hard:
        os.kill(stage.kafka.pid, signal.SIGKILL)
    stage.kafka.stop()
    time.sleep(fault.seconds)
    stage.kafka = stage.start_kafka()


def _broker_pause(fault: Fault, stage: ChaosStage) -> None:
    _pause_process(stage.kafka.pid, fault.seconds)


def _redis_restart(fault: Fault, stage: ChaosStage) -> None:
    if fault.hard:
        os.kill(stage.redis.pid, signal.SIGKILL)
    stage.redis.stop()
    time.sleep(fault.seconds)
    stage.redis = stage.start_redis()


def _redis_flush(_: Fault, stage: ChaosStage) -> None:
    with _redis(stage) as redis:
        redis.flushall()


def _redis_back(fault: Fault, stage: ChaosStage) -> None:
    with _redis(stage) as redis:
        copy = take_copy(redis)
        time.sleep(fault.seconds)
        set_back(redis, copy)


def _redis_pause(fault: Fault, stage: ChaosStage) -> None:
    _pause_process(stage.redis.pid, fault.seconds)


def _hang(fault: Fault, stage: ChaosStage) -> None:
    _set_mood(stage, Mood.HANGS, fault.seconds)


def _refuse(fault: Fault, stage: ChaosStage) -> None:
    _set_mood(stage, Mood.REFUSES, fault.seconds)


_FAULTS: Mapping[Kind, Callable[[Fault, ChaosStage], None]] = MappingProxyType(
    {
        Kind.KILL: _kill,
        Kind.PAUSE: _pause,
        Kind.STOP: _stop,
        Kind.CLOCK: _clock,
        Kind.DISK: _disk,
        Kind.BROKER_RESTART: _broker_restart,
        Kind.BROKER_PAUSE: _broker_pause,
        Kind.REDIS_RESTART: _redis_restart,
        Kind.REDIS_FLUSH: _redis_flush,
        Kind.REDIS_BACK: _redis_back,
        Kind.REDIS_PAUSE: _redis_pause,
        Kind.HANG: _hang,
        Kind.REFUSE: _refuse,
    }
)


def _redis(stage: ChaosStage) -> Redis:
    """A client that is patient with a busy machine."""
    return Redis.from_url(stage.redis.url, socket_timeout=_PATIENCE_S)


def _pause_process(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def _set_mood(stage: ChaosStage, mood: Mood, seconds: float) -> None:
    endpoints = set(stage.endpoints.values())
    for endpoint in endpoints:
        endpoint.mood = mood
    time.sleep(seconds)
    for endpoint in endpoints:
        endpoint.mood = Mood.ANSWERS


def _limit_files(pid: int, size: int) -> None:
    """Limit the size of the files that a process writes: a longer one fails as on a full disk."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))
