"""Absent encoders: those of a task that processes can't use, so that what needs their vectors is deferred."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.config import Config
from schemas.urls import masked_url
from streams.encoder_spec import encoder_spec
from streams.state.workers import HeardWorker
from streams.status.sentences import age, local_time
from streams.status.worker_heartbeat import STALE


@dataclass(frozen=True, slots=True)
class AbsentEncoder:
    """Attributes:
    source: its kind and place, without a password.
    since: Unix milliseconds; of the process that has missed it for longest.
    problem: that this process has with it.
    hosts: of the processes that can't use it, one for each.
    processes: that use it, or would; at least as many.
    """

    source: str
    since: int
    problem: str
    hosts: tuple[str, ...]
    processes: int


def absent_encoders(config: Config, heard: Sequence[HeardWorker]) -> tuple[AbsentEncoder, ...]:
    """Those that the config names and some process can't use, in the order of their tiers.

    Args:
        heard: what processes say; of those that have said nothing lately nothing is known.
    """
    spec = encoder_spec(config)
    parts = spec.parts if spec else ()
    found = (_absent(masked_url(part.vectors), part.prompt_hash, heard) for part in parts)
    return tuple(one for one in found if one is not None)


def absent_sentence(encoder: AbsentEncoder, now: int) -> str:
    """Says which encoder is absent, since when and why, and where the requests that need it go.

    Args:
        now: Unix milliseconds.
    """
    missing = len(encoder.hosts)
    where = (
        ""
        if missing == encoder.processes
        else f" in {missing} of {encoder.processes} processes (on {', '.join(sorted(set(encoder.hosts)))})"
    )
    since = f"{local_time(encoder.since)} ({age(max(0, now - encoder.since) / 1000)})"
    problem = encoder.problem.removeprefix(f"`{encoder.source}` ")
    return (
        f"`{encoder.source}` can't be used since {since}{where}: {problem}; requests that need its vector "
        "go to the teacher until it is open, which is tried again and again"
    )


def _absent(source: str, prompt: str, heard: Sequence[HeardWorker]) -> AbsentEncoder | None:
    said = [
        (one.report.host, encoder)
        for one in heard
        if one.age <= STALE
        for encoder in one.report.encoders
        if (encoder.source, encoder.prompt) == (source, prompt)
    ]
    missed = [(host, encoder) for host, encoder in said if encoder.problem]
    if not missed:
        return None
    first = min((encoder for _, encoder in missed), key=lambda one: one.since)
    return AbsentEncoder(source, first.since, first.problem, tuple(host for host, _ in missed), len(said))
