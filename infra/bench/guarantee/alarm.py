"""Alarms on simulated audits: how soon a fall in agreement raises one, and how seldom one is false.

The recursion is that of the live `Alarm`, run on many streams at once. The reference is the same e-detector
with its overshoot, which is what a threshold of the run length alone comes to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, Table, figure, format_share
from models.alarm import likelihood_ratios

BEFORE, FALLS, HISTORY = 0.98, (0.90, 0.85, 0.80), 2_000
ABOVE = 0.02
LONGEST_DELAY, LONGEST_RUN, RUN_ABOVE = 5_000, 200_000, 10_000
ALARM, OVERSHOOTING = "alarm", "with overshoot"


@dataclass(slots=True)
class AlarmStreams:
    """Streams that are audited in step; those whose alarm is raised leave.

    Attributes:
        target, run_length: of all their alarms.
        suspicion: [streams, alternatives].
        credited: without overshoot, as users have it; else the plain e-detector, for comparison.
    """

    target: float
    run_length: float
    suspicion: NDArray[np.float64]
    credited: bool = True

    @classmethod
    def begin(cls, streams: int, target: float, run_length: float, credited: bool = True) -> "AlarmStreams":
        """`streams` streams without any audits yet."""
        alternatives = len(likelihood_ratios(target)[0])
        return cls(target, run_length, np.zeros((streams, alternatives)), credited)

    def audit(self, agreed: NDArray[np.bool_]) -> int:
        """Fold one audit of each stream in, [streams]; returns how many alarms it raised."""
        hit, miss = likelihood_ratios(self.target)
        before = self.suspicion + 1.0
        after = before * np.where(agreed[:, None], hit, miss)
        bound = self.run_length * len(miss)
        excess = before @ miss - bound
        if self.credited:
            near = np.flatnonzero(agreed & (excess > 0.0))
            total = after[near].sum(axis=1)
            credit = excess[near] * (1.0 - self.target) / self.target
            after[near] *= (np.minimum(total + credit, bound) / total)[:, None]
        quiet = after.sum(axis=1) < bound * (1.0 - 1e-9)
        self.suspicion = after[quiet]
        return len(quiet) - len(self.suspicion)

    def __len__(self) -> int:
        return len(self.suspicion)


@dataclass(frozen=True, slots=True)
class RunLengths:
    """Audits until streams raised their alarm.

    Attributes:
        raised: audits to the alarm, of those that raised it; ascending.
        audits: of all streams, to their alarm or to the end.
        streams: how many there were.
    """

    raised: NDArray[np.int64]
    audits: int
    streams: int

    @property
    def median(self) -> float:
        """Audits to the alarm; infinite where fewer than half of the streams raised it."""
        middle = (self.streams - 1) // 2
        return float(self.raised[middle]) if middle < len(self.raised) else np.inf

    @property
    def share(self) -> float:
        """Share of the streams that raised it."""
        return len(self.raised) / self.streams

    @property
    def mean(self) -> float:
        """Audits for each alarm, as if every stream started again after its own;
        without any alarm all of them, which is too few.
        """
        return self.audits / max(1, len(self.raised))


def run_until_alarm(
    streams: AlarmStreams, agreement: float, most: int, generator: np.random.Generator
) -> RunLengths:
    """Audit the streams at one agreement until each has raised its alarm, at most `most` times."""
    count, raised, audits = len(streams), [], 0
    for number in range(1, most + 1):
        audits += len(streams)
        alarms = streams.audit(generator.random(len(streams)) < agreement)
        raised += [number] * alarms
        if not len(streams):
            break
    return RunLengths(np.array(raised, dtype=np.int64), audits, count)


def alarm_delay(fall: float, streams: AlarmStreams, generator: Generator) -> RunLengths:
    """Audits to the alarm when agreement falls to `fall` after a good history; false alarms left out."""
    run_until_alarm(streams, BEFORE, HISTORY, generator)
    return run_until_alarm(streams, fall, LONGEST_DELAY, generator)


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures of `count` streams for each fall and each run."""
    target, length = promise.target, promise.run_length

    def begin(name: str) -> AlarmStreams:
        return AlarmStreams.begin(count, target, length, credited=name == ALARM)

    names = (ALARM, OVERSHOOTING)
    delays = {name: [alarm_delay(fall, begin(name), generator) for fall in FALLS] for name in names}
    runs = {name: run_until_alarm(begin(name), target, LONGEST_RUN, generator) for name in names}
    above = {name: run_until_alarm(begin(name), target + ABOVE, RUN_ABOVE, generator) for name in names}
    title = (
        f"Alarm at {target:g}, run length {length:,.0f}, {count:,} streams: median audits to the alarm after "
        f"a fall from {BEFORE:g} at audit {HISTORY:,}; mean audits to a false alarm; share of streams with a "
        f"false alarm in {RUN_ABOVE:,} audits at {target + ABOVE:g}"
    )
    falls = tuple(f"fall to {fall:g}" for fall in FALLS)
    columns = ("detector", *falls, f"false at {target:g}", f"false at {target + ABOVE:g}", "share")
    rows = [
        (
            name,
            *(format_count(each.median) for each in delays[name]),
            format_count(runs[name].mean),
            format_count(above[name].mean),
            format_share(above[name].share),
        )
        for name in names
    ]
    return Table(title, columns, tuple(rows)), _figures(target, delays, runs, above)


def _figures(
    target: float,
    delays: dict[str, list[RunLengths]],
    runs: dict[str, RunLengths],
    above: dict[str, RunLengths],
) -> list[Figure]:
    def compare(name: str, unit: str, values: Sequence[float]) -> Figure:
        return figure(name, values[:1], unit, f"e-detector {OVERSHOOTING}", values[1:])

    figures = [
        compare(f"audits to the alarm after a fall to {fall:g}", "audits", [each.median for each in both])
        for fall, both in zip(FALLS, zip(*delays.values(), strict=True), strict=True)
    ]
    return [
        *figures,
        compare(f"audits to a false alarm at {target:g}", "audits", [run.mean for run in runs.values()]),
        compare(
            f"audits to a false alarm at {target + ABOVE:g}", "audits", [run.mean for run in above.values()]
        ),
        compare(
            f"false alarm in {RUN_ABOVE} audits at {target + ABOVE:g}",
            "share of streams",
            [run.share for run in above.values()],
        ),
    ]
