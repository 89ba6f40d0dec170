"""Alarm of a policy version: has agreement with the teacher fallen below the target *now*?

It is a mixture of Shiryaev-Roberts e-detectors (Shin, Ramdas and Rinaldo 2023) over audits in their order.
Each audit can start a new suspicion, so a long good history does not delay the alarm. The alarm proves
nothing, and spends nothing of the error budget. A false alarm costs money; `run_length` says how often one
may come. What audits prove about a version's whole life is the certificate's question: see
`models.certificate`.

Audits without a label. Where the teacher fails on an audit, or passes it by, nobody knows whether it agrees.
Held to be disagreements, a few of them would raise the alarm of a perfect surrogate; left out, a teacher that
fails just where the surrogate is wrong would blind it. So there are two detectors (`quiet_alarms`). The first
takes the labels alone, against the target t. The second takes all audits, those without a label as
disagreements, against t (1 - s), where s is the share that may stay without one. If at most a share s has no
label, and of the others at least t agree, then at least t (1 - s) of all audits agree, so neither detector
finds anything. The second tolerates no less than this: of q > s without a label the excess q - s adds to the
disagreements, as if it were some, and evidence grows only where both together are more than (1 - t) (1 - s).

Run length. Each statistic grows by at most 1 an audit, in expectation. Nine tenths of the false alarms are
given to the first detector and one tenth to the second: they are raised at R / .9 and R / .1. So .9 times the
first statistic plus .1 times the second also grows by at most 1 an audit, and is at least R when either is
raised. By optional stopping, at least R audits pass on average before the first false alarm of the two.

The second detector takes audits in blocks, since silence is known only once the teacher has gone further: a
block holds all audits of a span of asking. Within it those without agreement are spread evenly (`spread`).
The product of a block's likelihood ratios does not depend on the order. The statistic adds the products of
its later parts; if all orders are as likely, these are smaller in an even order than on average, by Jensen's
inequality and but for rounding. So the wait for silence does not look like a fall.

Pure functions of immutable values: no clock, no I/O, no randomness. msgspec writes and reads them exactly.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RUN_LENGTH = 10_000.0

_ALTERNATIVES = 10
_SLIGHT, _GROSS = 1.5, 8.0
_ROUNDING = 1e-9
_FOR_SILENCE = 0.1


@dataclass(frozen=True, slots=True)
class Alarm:
    """Evidence that agreement has fallen below `target`. A raised alarm stays raised.

    A new `target` needs a new alarm (`quiet`): evidence against one target says nothing about another.
    `run_length` may be replaced at any time. An audit is never taken out again, not even a silent one that
    counted as a disagreement.

    Attributes:
        target: agreement that is required, in (0, 1).
        suspicion: Shiryaev-Roberts statistic for each of `alternatives(target)`, >= 0.
        run_length: audits until a false alarm, at least and on average, while agreement is at the target or
            above.

    Raises:
        ValueError: the number of statistics is not the number of alternatives.
    """

    target: float
    suspicion: tuple[float, ...]
    run_length: float = RUN_LENGTH

    def __post_init__(self) -> None:
        if len(self.suspicion) != _ALTERNATIVES:
            raise ValueError(
                "alarm: wrong number of statistics, start from `Alarm.quiet`: "
                f"{len(self.suspicion)} instead of {_ALTERNATIVES}"
            )

    @classmethod
    def quiet(cls, target: float, run_length: float = RUN_LENGTH) -> "Alarm":
        """The alarm before the first audit."""
        return cls(target, (0.0,) * _ALTERNATIVES, run_length)

    @property
    def evidence(self) -> float:
        """Mean of the statistics; unless agreement falls, it grows by at most 1 an audit, in expectation."""
        return float(np.add.reduce(np.array(self.suspicion)) / _ALTERNATIVES)

    @property
    def level(self) -> float:
        """Level of suspicion on a logarithmic scale: 0.0 without any, 1.0 when the alarm is raised."""
        share = float(np.log1p(self.evidence) / np.log1p(self.run_length))
        return 1.0 if self.raised else share

    @property
    def raised(self) -> bool:
        return _reaches(np.array(self.suspicion), self.run_length)

    def after(self, agreed: bool) -> "Alarm":
        """The alarm after one more audit."""
        return self.after_many((agreed,))

    def after_many(self, agreed: Iterable[bool] | NDArray[np.bool_]) -> "Alarm":
        """The alarm after these audits, in their order; the same to the last bit as one by one."""
        suspicion = np.array(self.suspicion)
        hit, miss = likelihood_ratios(self.target)
        for outcome in agreed:
            if _reaches(suspicion, self.run_length):
                break
            suspicion = self._after_audit(suspicion + 1.0, hit if outcome else miss, miss, bool(outcome))
        return replace(self, suspicion=tuple(suspicion.tolist()))

    def _after_audit(
        self, before: NDArray[np.float64], ratio: NDArray[np.float64], miss: NDArray[np.float64], agreed: bool
    ) -> NDArray[np.float64]:
        """The statistics after one more audit, without overshoot (Fischer and Ramdas 2024).

        Where a disagreement would raise the evidence beyond the run length, the excess is wasted. It is
        credited to an agreement instead, weighted by the odds of the two at the target. The expectation stays
        the same, and a false alarm comes after `run_length` audits on average, not later.
        """
        after = before * ratio
        excess = float(before @ miss) - self.run_length * _ALTERNATIVES
        if agreed and excess > 0.0:
            total = float(np.add.reduce(after))
            credited = total + excess * (1.0 - self.target) / self.target
            after *= min(credited, self.run_length * _ALTERNATIVES) / total
        return after


def quiet_alarms(target: float, run_length: float, silence: float) -> tuple[Alarm, Alarm | None]:
    """The detectors of labels and of all audits before the first; None where silence never counts.

    Args:
        run_length: of both together.
        silence: share of the audits that may stay without a label, in [0, 1].
    """
    if silence >= 1.0:
        return Alarm.quiet(target, run_length), None
    of_all = Alarm.quiet(target * (1.0 - silence), run_length / _FOR_SILENCE)
    return Alarm.quiet(target, run_length / (1.0 - _FOR_SILENCE)), of_all


def spread(agreements: int, others: int) -> Iterator[bool]:
    """So many agreements and others in an even order."""
    total, credit = agreements + others, (agreements + others) // 2
    for _ in range(total):
        credit += others
        if credit >= total:
            credit -= total
            yield False
        else:
            yield True


def _reaches(suspicion: NDArray[np.float64], run_length: float) -> bool:
    """Whether the statistics raise the alarm; they do also where only rounding keeps them below its level."""
    return bool(np.add.reduce(suspicion) >= (1.0 - _ROUNDING) * run_length * _ALTERNATIVES)


def alternatives(target: float) -> NDArray[np.float64]:
    """Agreements that the alarm looks for, [alternatives], highest first.

    Their disagreement is 1.5 to 8 times what the target allows, in equal ratios.
    """
    allowed = 1.0 - target
    most = min(_GROSS * allowed, (1.0 + allowed) / 2)
    least = min(_SLIGHT * allowed, (allowed + most) / 2)
    return np.asarray(1.0 - np.geomspace(least, most, _ALTERNATIVES))


@lru_cache(maxsize=64)
def likelihood_ratios(target: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Likelihood ratios of each alternative to the target, for an agreement and for a disagreement."""
    agreements = alternatives(target)
    hit, miss = agreements / target, (1.0 - agreements) / (1.0 - target)
    hit.flags.writeable = miss.flags.writeable = False
    return hit, miss
