"""Plan of faults: what fails, when and for how long, drawn from a seed. Pure: the same seed, the same plan.

Kinds are dealt from a shuffled deck, so that a short run has each of them. Three in ten incidents are two
faults at once, in different places.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

NUMBERS = (1, 2)
"""Of each role there are two workers."""
LONGEST_S = 60.0
SESSION_S = 6.0
"""Session timeout of the workers' consumers, seconds; `TRANSACTION_S` that of their transactions."""
TRANSACTION_S = 15.0
_PAIRS = 0.3
_GAP_S = 3.0


class Kind(StrEnum):
    """What fails; the value is how a report names it."""

    KILL = "worker killed (SIGKILL)"
    PAUSE = "worker paused (SIGSTOP)"
    STOP = "worker stopped (SIGTERM)"
    CLOCK = "worker's clock an hour ahead"
    DISK = "disk full at a router"
    BROKER_RESTART = "broker restarted"
    BROKER_PAUSE = "broker paused"
    REDIS_RESTART = "Redis restarted"
    REDIS_FLUSH = "Redis flushed"
    REDIS_BACK = "Redis set back"
    REDIS_PAUSE = "Redis paused"
    HANG = "endpoint hangs"
    REFUSE = "endpoint refuses (429)"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: what fails.
        seconds: for which it lasts; 0 where it is over at once.
        role, number: the worker that it hits; empty and 0 for all else.
        hard: a server that is restarted is killed, not asked to stop.
    """

    kind: Kind
    seconds: float
    role: str = ""
    number: int = 0
    hard: bool = False

    @property
    def place(self) -> str:
        """What it hits: no two faults at once hit the same."""
        return f"{self.role}-{self.number}" if self.role else self.kind.value.split()[0]


@dataclass(frozen=True, slots=True)
class Incident:
    """One fault, or two at once.

    Attributes:
        gap: seconds of rest before it.
    """

    gap: float
    faults: tuple[Fault, ...]


_SECONDS: Mapping[Kind, tuple[float, float]] = MappingProxyType(
    {
        Kind.KILL: (0.0, 3.0),
        Kind.PAUSE: (SESSION_S + 2.0, 2.0 + TRANSACTION_S),
        Kind.STOP: (0.0, 3.0),
        Kind.CLOCK: (5.0, 12.0),
        Kind.DISK: (4.0, 8.0),
        Kind.BROKER_RESTART: (0.0, 4.0),
        Kind.BROKER_PAUSE: (2.0, LONGEST_S),
        Kind.REDIS_RESTART: (0.0, 4.0),
        Kind.REDIS_FLUSH: (0.0, 0.0),
        Kind.REDIS_BACK: (1.0, 8.0),
        Kind.REDIS_PAUSE: (2.0, 20.0),
        Kind.HANG: (4.0, 25.0),
        Kind.REFUSE: (3.0, 15.0),
    }
)
"""Least and most seconds that a fault lasts. `REDIS_BACK` is set back by as many."""


def draw_plan(
    seed: int, faults: int, roles: Sequence[str], longest: float = LONGEST_S
) -> tuple[Incident, ...]:
    """The plan of a run.

    Args:
        faults: how many, in all.
        roles: of the workers.
        longest: seconds that a fault of a server or an endpoint may last.
    """
    drawn = random.Random(seed)
    kinds, incidents, left = _deck(drawn), list[Incident](), faults
    while left:
        together = [_draw_fault(drawn, next(kinds), roles, longest)]
        if left > 1 and drawn.random() < _PAIRS:
            together.append(_draw_fault(drawn, next(kinds), roles, longest))
        parts = [tuple(together)] if _are_apart(together) else [(one,) for one in together]
        incidents += [Incident(round(drawn.uniform(0.2, _GAP_S), 1), part) for part in parts]
        left -= len(together)
    return tuple(incidents)


def _deck(drawn: random.Random) -> Iterator[Kind]:
    while True:
        yield from drawn.sample(list(Kind), len(Kind))


def _draw_fault(drawn: random.Random, kind: Kind, roles: Sequence[str], longest: float) -> Fault:
    least, most = _SECONDS[kind]
    at_worker = kind in (Kind.KILL, Kind.PAUSE, Kind.STOP, Kind.CLOCK)
    # The square has long ones be rare.
    length = least + (most - least) * drawn.random() ** 2
    role = "route" if kind is Kind.DISK else drawn.choice(list(roles)) if at_worker else ""
    number = drawn.choice(NUMBERS) if role else 0
    seconds = length if role else min(length, longest)
    return Fault(kind, round(seconds, 1), role, number, drawn.random() < 0.5)


def _are_apart(faults: Sequence[Fault]) -> bool:
    return len({fault.place for fault in faults}) == len(faults)
