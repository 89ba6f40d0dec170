"""How soon a fall raises the alarm, and how seldom it is raised without one.

Beside it the same e-detector with its overshoot, which is what a threshold of the run length alone comes to.
"""

from collections.abc import Sequence

from infra.bench.guarantee.alarm import AlarmStreams, RunLengths, wait
from infra.bench.guarantee.promise import Generator, Promise, Section, format_count
from infra.bench.report import Figure, figure
from infra.bench.tables import Table, share

BEFORE, FALLS, HISTORY = 0.98, (0.90, 0.85, 0.80), 2_000
ABOVE = 0.02
LONGEST_DELAY, LONGEST_RUN, RUN_ABOVE = 5_000, 200_000, 10_000
ALARM, OVERSHOOTING = "alarm", "with overshoot"


def delay(fall: float, watch: AlarmStreams, generator: Generator) -> RunLengths:
    """Audits to the alarm when agreement falls to `fall` after a good history; false alarms left out."""
    wait(watch, BEFORE, HISTORY, generator)
    return wait(watch, fall, LONGEST_DELAY, generator)


def section(count: int, promise: Promise, generator: Generator) -> Section:
    """`count` streams for each fall and each run."""
    target, length = promise.target, promise.run_length

    def watch(name: str) -> AlarmStreams:
        return AlarmStreams.over(count, target, length, credited=name == ALARM)

    names = (ALARM, OVERSHOOTING)
    delays = {name: [delay(fall, watch(name), generator) for fall in FALLS] for name in names}
    runs = {name: wait(watch(name), target, LONGEST_RUN, generator) for name in names}
    above = {name: wait(watch(name), target + ABOVE, RUN_ABOVE, generator) for name in names}
    title = (
        f"Alarm at {target:g}, run length {length:,.0f}, {count:,} streams: median audits to the alarm after "
        f"a fall from {BEFORE:g} at audit {HISTORY:,}; mean audits to a false one; share of streams with a "
        f"false one in {RUN_ABOVE:,} audits at {target + ABOVE:g}"
    )
    falls = tuple(f"to {fall:g}" for fall in FALLS)
    columns = ("", *falls, f"false at {target:g}", f"false at {target + ABOVE:g}", "share")
    rows = [
        (
            name,
            *(format_count(each.median) for each in delays[name]),
            format_count(runs[name].mean),
            format_count(above[name].mean),
            share(above[name].share),
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
    def beside(name: str, unit: str, values: Sequence[float]) -> Figure:
        return figure(name, values[:1], unit, f"e-detector {OVERSHOOTING}", values[1:])

    found = [
        beside(f"audits to the alarm after a fall to {fall:g}", "audits", [each.median for each in both])
        for fall, both in zip(FALLS, zip(*delays.values(), strict=True), strict=True)
    ]
    return [
        *found,
        beside(f"audits to a false alarm at {target:g}", "audits", [run.mean for run in runs.values()]),
        beside(
            f"audits to a false alarm at {target + ABOVE:g}", "audits", [run.mean for run in above.values()]
        ),
        beside(
            f"false alarm in {RUN_ABOVE} audits at {target + ABOVE:g}",
            "share of streams",
            [run.share for run in above.values()],
        ),
    ]
