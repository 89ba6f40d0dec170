"""Slow replies: certificates and alarms where disagreements are answered later than agreements.

One audit a second. Two ways of counting are compared: replies as they come, and audits in the order of asking
(`streams.certify.asking_order`, `streams.certify.alarm_state`), those without a reply as disagreements.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.bench.guarantee.certificate import NEVER, certificate_rule, fewest_audits, is_proven, median_audits
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, Table, figure, format_share
from models.alarm import Alarm
from streams.certify.alarm_state import PATIENCE
from streams.certify.asking_order import prefix_ends

AUDITS, OVERDUE = 3_000, 3_600
LATER = 120.0
FALSE, TRUE = (0.93, 0.95), 0.98
AS_THEY_COME, IN_ORDER = "replies as they come", "in the order of asking"
BURST, PAUSE = 120.0, 600.0
RUN, FALL, HISTORY, AFTER = 400_000, 0.90, 2_000, 4_000
FALLS = 60

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Audits:
    """One stream.

    Attributes:
        asked: seconds, ascending, [audits].
        replied: seconds, [audits].
        agreed: [audits].
    """

    asked: Floats
    replied: Floats
    agreed: Bools


def stream(asked: Floats, agreement: Floats | float, later: float, generator: Generator) -> Audits:
    """Audits whose replies take a second in the mean, `later` seconds more where they disagree."""
    agreed = generator.random(len(asked)) < agreement
    replied = asked + generator.exponential(1.0, len(asked)) + np.where(agreed, 0.0, later)
    return Audits(asked, replied, agreed)


def first_certified(audits: Audits, fewest: NDArray[np.int64], in_order: bool) -> int:
    """Second at which it is certified first, looked at every second; `NEVER` where it never is.

    Args:
        fewest: the rule (`fewest_audits`).
    """
    seconds = int(np.ceil(audits.replied.max())) + 1
    so_far = _counted_by(audits.replied, seconds)
    proven = is_proven(fewest, so_far, _counted_by(audits.replied[~audits.agreed], seconds))
    if in_order:
        lags = (0.0, *(-end / 1000 for end in prefix_ends(0, OVERDUE * 1000)))
        proven &= np.logical_or.reduce([_prefix_proves(audits, lag, seconds, fewest) for lag in lags])
    return int(proven.argmax()) if proven.any() else int(NEVER)


def alarm_order(audits: Audits, patience: float) -> tuple[NDArray[np.int64], Floats]:
    """The order in which the alarm takes audits, and the second at which it takes each."""
    in_time = audits.replied <= audits.asked + patience
    place = np.where(in_time, audits.asked, audits.replied)
    waited = np.maximum.accumulate(np.minimum(audits.replied, audits.asked + patience))
    before = np.searchsorted(audits.asked, place, side="left")
    taken = np.maximum(audits.replied, np.where(before > 0, waited[np.maximum(before - 1, 0)], 0.0))
    return np.lexsort((place, taken)), taken


def alarm_seconds(audits: Audits, patience: float, promise: Promise) -> list[float]:
    """Seconds at which the alarm is raised; it starts again each time. Patience 0: replies as they come."""
    quiet = Alarm.quiet(promise.target, promise.run_length)
    order, taken = alarm_order(audits, patience)
    alarm, raised = quiet, []
    for place in order:
        alarm = alarm.after(bool(audits.agreed[place]))
        if alarm.raised:
            raised.append(float(taken[place]))
            alarm = quiet
    return raised


def false_alarm_run(patience: float, bursts: bool, promise: Promise, generator: Generator) -> float:
    """Mean audits to a false alarm on the target; in bursts, or without a pause."""
    asked = np.cumsum(generator.exponential(1.0, RUN))
    if bursts:
        asked += np.floor(asked / BURST) * PAUSE
    audits = stream(asked, promise.target, LATER, generator)
    return RUN / max(1, len(alarm_seconds(audits, patience, promise)))


def alarm_delay(patience: float, later: float, promise: Promise, generator: Generator) -> float:
    """Median seconds from a fall to the alarm."""
    delays = []
    for _ in range(FALLS):
        asked = np.cumsum(generator.exponential(1.0, HISTORY + AFTER))
        agreement = np.where(np.arange(len(asked)) < HISTORY, TRUE, FALL)
        fall = float(asked[HISTORY])
        raised = alarm_seconds(stream(asked, agreement, later, generator), patience, promise)
        delays.append(min((at - fall for at in raised if at > fall), default=np.inf))
    return float(np.median(delays))


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """Table and figures of `count` streams for certificates; of long streams for alarms."""
    fewest = fewest_audits(certificate_rule, promise.target, promise.delta, AUDITS)
    asked = np.arange(1.0, AUDITS + 1)
    rows, figures = [], list[Figure]()
    for name, in_order, patience in ((AS_THEY_COME, False, 0.0), (IN_ORDER, True, PATIENCE / 1000)):
        shares, medians = [], []
        for agreement in FALSE:
            first = [
                first_certified(stream(asked, agreement, LATER, generator), fewest, in_order)
                for _ in range(count)
            ]
            shares.append(float(np.mean(np.array(first) != NEVER)))
        for later in (0.0, LATER):
            first = [
                first_certified(stream(asked, TRUE, later, generator), fewest, in_order) for _ in range(count)
            ]
            medians.append(median_audits(np.array(first)))
        runs = [false_alarm_run(patience, bursts, promise, generator) for bursts in (False, True)]
        delays = [alarm_delay(patience, later, promise, generator) for later in (0.0, LATER)]
        rows.append((name, *map(format_share, shares), *map(format_count, [*medians, *runs, *delays])))
        figures += _figures(name, shares, medians, runs, delays)
    title = (
        f"One audit a second, disagreements answered {LATER:g} s later than agreements, target "
        f"{promise.target:g}, delta {promise.delta:g}: share of {count:,} streams falsely certified; median "
        f"seconds to certify at {TRUE:g}, and the same with equal replies; mean audits to a false alarm at "
        f"{promise.target:g}, without pauses and in bursts of {BURST:g} s every {BURST + PAUSE:g} s; median "
        f"seconds from a fall to {FALL:g} to the alarm"
    )
    columns = (
        "counting",
        *(f"false at {agreement:g}" for agreement in FALSE),
        "s to certify, equal",
        "s to certify, later",
        "audits to a false alarm",
        "in bursts",
        "s to the alarm, equal",
        "s to the alarm, later",
    )
    return Table(title, columns, tuple(rows)), figures


def _figures(
    name: str, shares: list[float], medians: list[float], runs: list[float], delays: list[float]
) -> list[Figure]:
    what = f"slow disagreements, {name}:"
    return [
        *(
            figure(f"{what} certified at {agreement:g}", [share], "share of streams")
            for agreement, share in zip(FALSE, shares, strict=True)
        ),
        figure(f"{what} to certify, equal replies", medians[:1], "s"),
        figure(f"{what} to certify", medians[1:], "s"),
        figure(f"{what} to a false alarm", runs[:1], "audits"),
        figure(f"{what} to a false alarm, in bursts", runs[1:], "audits"),
        figure(f"{what} to the alarm, equal replies", delays[:1], "s"),
        figure(f"{what} to the alarm", delays[1:], "s"),
    ]


def _counted_by(at: Floats, seconds: int) -> NDArray[np.int64]:
    """How many have happened by each second, [seconds]."""
    return np.cumsum(np.bincount(np.ceil(at).astype(np.int64), minlength=seconds)[:seconds])


def _prefix_proves(audits: Audits, lag: float, seconds: int, fewest: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the audits asked until `lag` seconds ago prove the target, at each second, [seconds]."""
    asked = _counted_by(audits.asked + lag, seconds)
    agreed = np.maximum(audits.asked + lag, audits.replied)[audits.agreed]
    return is_proven(fewest, asked, asked - _counted_by(agreed, seconds))
