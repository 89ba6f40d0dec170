"""Report of a chaos run: one row for each kind of fault, figures of what was counted, and every complaint."""

import statistics
from collections.abc import Iterable, Sequence

from infra.bench.chaos.checker import DOUBLED, LOST, WRONG, Complaint
from infra.bench.chaos.plan import Kind
from infra.bench.chaos.proof import UNPROVEN
from infra.bench.chaos.run import ChaosOutcome, Happened
from infra.bench.report import Figure, Report, Table, machine

_COLUMNS = (
    *("fault", "times", "alone", "s until labels flow: median", "longest", "s until nothing lags: median"),
    *("longest", "longest wait, s: median", "longest"),
)
_COMPLAINTS = {LOST: "lost", DOUBLED: "doubled", WRONG: "wrong counts", UNPROVEN: "shown without proof"}
_MOST = 30
"""Complaints that are shown."""


def report_of(outcome: ChaosOutcome, seed: int) -> Report:
    """The report; `failed` where anything is lost, doubled, miscounted or shown without proof."""
    faults = sum(len(one.incident.faults) for one in outcome.happened)
    figures = [
        Figure("faults", faults, "faults"),
        Figure("duration", round(outcome.seconds), "s"),
        *(Figure(name, count, "messages") for name, count in sorted(outcome.counts.items())),
        *(
            Figure(name, sum(one.kind == kind for one in outcome.complaints), "complaints")
            for kind, name in _COMPLAINTS.items()
        ),
        Figure("workers that ended by themselves", len(outcome.ended), "workers"),
    ]
    title = f"{faults} faults in {outcome.seconds / 60:.0f} min, seed {seed}"
    rows = tuple(row for kind in Kind if (row := _row(kind, outcome.happened)) is not None)
    totals = tuple((one.name, f"{one.value:,.0f}") for one in figures)
    tables = (Table(title, _COLUMNS, rows), Table("What was counted", ("what", "how many"), totals))
    notes = (*_complaint_lines(outcome.complaints), *_ended_lines(outcome))
    return Report(machine(), tuple(figures), tables, notes, bool(outcome.complaints))


def _row(kind: Kind, happened: Sequence[Happened]) -> tuple[str, ...] | None:
    of_kind = [one for one in happened if any(fault.kind is kind for fault in one.incident.faults)]
    if not of_kind:
        return None
    alone = [one.recovery for one in of_kind if len(one.incident.faults) == 1]
    columns = zip(*((one.flows, one.caught_up, one.waited) for one in alone), strict=True)
    shown = [cell for column in columns for cell in _shown(column)] or ["-"] * 6
    return (kind.value, str(len(of_kind)), str(len(alone)), *shown)


def _shown(seconds: Iterable[float | None]) -> tuple[str, str]:
    """Median and longest; `not in time` where one did not happen."""
    known = [float("inf") if one is None else one for one in seconds]
    return _second(statistics.median_high(known)), _second(max(known))


def _second(value: float) -> str:
    return "not in time" if value == float("inf") else f"{value:.1f}"


def _complaint_lines(complaints: Sequence[Complaint]) -> list[str]:
    lines = [f"{one.kind}: {one.what}" for one in complaints[:_MOST]]
    return lines + ([f"... and {len(complaints) - _MOST} more"] if len(complaints) > _MOST else [])


def _ended_lines(outcome: ChaosOutcome) -> list[str]:
    return [
        f"ended by itself with status {one.status}"
        f"{'' if one.was_ready else ', before it was ready'}: {one.seat[0]} {one.seat[1]}: {one.reason}"
        for one in outcome.ended
    ]
