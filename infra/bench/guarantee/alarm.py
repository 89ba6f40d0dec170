"""When simulated streams raise the alarm: the recursion of `models.certificate.Alarm`, on many at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.certificate import likelihood_ratios


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
    def over(cls, streams: int, target: float, run_length: float, credited: bool = True) -> "AlarmStreams":
        alternatives = len(likelihood_ratios(target)[0])
        return cls(target, run_length, np.zeros((streams, alternatives)), credited)

    def audit(self, agreed: NDArray[np.bool_]) -> int:
        """Fold one audit of each stream in, [streams]; how many alarms it raised."""
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
    """How long streams were watched.

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
        """Audits to the alarm; infinite where not half of the streams raised it."""
        middle = (self.streams - 1) // 2
        return float(self.raised[middle]) if middle < len(self.raised) else np.inf

    @property
    def share(self) -> float:
        """Of the streams, how many raised it."""
        return len(self.raised) / self.streams

    @property
    def mean(self) -> float:
        """Audits for each alarm, as if every stream were watched anew after its own;
        without any alarm all of them, which is too few.
        """
        return self.audits / max(1, len(self.raised))


def wait(watch: AlarmStreams, agreement: float, most: int, generator: np.random.Generator) -> RunLengths:
    """Audit the streams at one agreement until each has raised its alarm, or `most` times."""
    streams, raised, audits = len(watch), [], 0
    for number in range(1, most + 1):
        audits += len(watch)
        alarms = watch.audit(generator.random(len(watch)) < agreement)
        raised += [number] * alarms
        if not len(watch):
            break
    return RunLengths(np.array(raised, dtype=np.int64), audits, streams)
