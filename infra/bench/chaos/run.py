"""`bench chaos`: the plan's faults one incident after the other, the drain, and the checker's word."""

import os
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.bench.chaos.checker import CHECKED, Complaint, check
from infra.bench.chaos.faults import inject
from infra.bench.chaos.fleet import Ended
from infra.bench.chaos.gold import TASKS
from infra.bench.chaos.observer import TopicObserver, read_all
from infra.bench.chaos.plan import Fault, Incident
from infra.bench.chaos.proof import RedisSampler, counts_of, unproven
from infra.bench.chaos.recovery import FaultRecovery, WaitingRequests, recover
from infra.bench.chaos.stage import DELTA, TARGET, ChaosStage, staged
from infra.bench.chaos.stream import RequestStream
from infra.bench.process import print_progress
from infra.harness.waiting import Stalled, wait_until

PACE = 18.0
"""Requests a second, of all tasks together."""
_FIRST_POLICY_S = 60.0
_PATIENCE_S = 40.0
_DRAIN_S = 180.0
_SETTLED_S = 5.0
KEEP = "UNDERSTUDY_TEST_CHAOS"
"""Variable that names a folder in which logs and data are kept, for a look at what went wrong."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An incident and how the system came back."""

    incident: Incident
    recovery: FaultRecovery


@dataclass(frozen=True, slots=True)
class ChaosOutcome:
    """What a run has shown.

    Attributes:
        complaints: of the checker; none where all is well.
        ended: workers that ended by themselves.
        counts: of messages and samples, by what they are.
    """

    happened: tuple[Happened, ...]
    complaints: tuple[Complaint, ...]
    ended: tuple[Ended, ...]
    counts: dict[str, int]
    seconds: float


def run(plan: tuple[Incident, ...], seconds: float) -> ChaosOutcome:
    """Carry out the plan.

    Args:
        seconds: no incident begins later than that after the first.

    Raises:
        LocalServerError, StreamsError: a server or a worker does not start.
    """
    kept = os.environ.get(KEEP)
    with staged(Path(kept) if kept else None) as stage:
        names = [stage.name(topic) for topic in CHECKED]
        stream = RequestStream(stage.deployment.kafka, stage.name("requests"), PACE)
        with (
            TopicObserver(stage.deployment.kafka, names) as observer,
            RedisSampler(stage.deployment.redis, stage.deployment.prefix) as sampler,
        ):
            stream.start()
            _wait_for_policies(observer)
            began, waiting, happened = time.monotonic(), WaitingRequests(stream, observer.records), []
            for number, incident in enumerate(plan):
                if time.monotonic() - began > seconds:
                    break
                happened.append(_carry_out(incident, stage, waiting, f"{number + 1} of {len(plan)}"))
            lasted = time.monotonic() - began
            complaints = _drain(stage, stream, observer, sampler)
            complaints += unproven(sampler.samples, observer.records, TARGET, DELTA)
        counts = {
            **Counter(record.topic for record in observer.records),
            "ids": len(stream.attempts),
            "samples": len(sampler.samples),
            "certificates shown": sum(len(list(sample.shown())) for sample in sampler.samples),
        }
        return ChaosOutcome(tuple(happened), tuple(complaints), tuple(stage.fleet.ended), counts, lasted)


def _wait_for_policies(observer: TopicObserver) -> None:
    """Wait until each task is answered by a policy, but not for ever: a gate may refuse the first ones."""

    def answered() -> bool:
        labels = [one.value for one in list(observer.records) if one.topic == "labels"]
        return {one["task"] for one in labels if one["source"] == "surrogate"} == set(TASKS)

    with suppress(Stalled):
        wait_until(answered, _FIRST_POLICY_S, "answers of a policy of each task")


def _carry_out(incident: Incident, stage: ChaosStage, waiting: WaitingRequests, place: str) -> Happened:
    time.sleep(incident.gap)
    what = " and ".join(
        f"{fault.kind.value} {fault.role} {fault.seconds:g} s".replace("  ", " ") for fault in incident.faults
    )
    began, errors = time.time(), list[BaseException]()
    threads = [
        threading.Thread(target=_inject, args=(fault, stage, errors), daemon=True)
        for fault in incident.faults
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    recovery = recover(waiting, began, _PATIENCE_S)
    times = ", ".join("-" if one is None else f"{one:.1f}" for one in (recovery.flows, recovery.caught_up))
    print_progress(f"{place}: {what}: {times} s, longest wait {recovery.waited:.1f} s")
    return Happened(incident, recovery)


def _inject(fault: Fault, stage: ChaosStage, errors: list[BaseException]) -> None:
    try:
        inject(fault, stage)
    except BaseException as error:  # noqa: BLE001
        errors.append(error)


def _drain(
    stage: ChaosStage, stream: RequestStream, observer: TopicObserver, sampler: RedisSampler
) -> list[Complaint]:
    """Stop the stream, send again what got an error, and check until nothing is wrong, or time is over."""
    until = time.monotonic() + _DRAIN_S
    stream.stop()
    complaints = [Complaint("lost", "nothing was checked")]
    sent_again: set[tuple[str, int]] = set()
    while complaints and time.monotonic() < until:
        time.sleep(_SETTLED_S)
        again = _without_label(observer, stream) - sent_again
        sent_again |= again
        stream.send_again(sorted(name for name, _ in again))
        complaints = _complaints(stage, stream, sampler)
    time.sleep(_SETTLED_S)
    return _complaints(stage, stream, sampler)


def _without_label(observer: TopicObserver, stream: RequestStream) -> set[tuple[str, int]]:
    """Ids whose every attempt got an error, with the number of attempts."""
    labels = [one.value for one in list(observer.records) if one.topic == "labels"]
    given = {one["id"] for one in labels if one["source"] != "error"}
    errors = Counter(one["id"] for one in labels if one["source"] == "error")
    return {
        (name, count)
        for name, count in errors.items()
        if name not in given and count == stream.attempts[name]
    }


def _complaints(stage: ChaosStage, stream: RequestStream, sampler: RedisSampler) -> list[Complaint]:
    records = read_all(stage.deployment.kafka, [stage.name(topic) for topic in CHECKED])
    counted = {key: counts_of(key[1], fields) for key, fields in sampler.look().versions.items()}
    return check(records, stream.attempts, counted)
