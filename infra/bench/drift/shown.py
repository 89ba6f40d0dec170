"""How findings are shown: a table for each kind of drift, audits on beside off; medians of the runs."""

from collections.abc import Sequence
from typing import NamedTuple

from infra.bench.drift.finding import DriftFigures
from infra.bench.drift.report import Row, rows
from infra.bench.drift.run import AIM, AUDIT_RATE, TARGET
from infra.bench.drift.scenarios import FOLDED, SWAPPED, UNSEEN
from infra.bench.report import Figure, figure
from infra.bench.tables import Table

Section = tuple[Table, list[Figure]]

_ON, _OFF = "audits on", "audits off"
_TITLES = {
    "swapped": f"The teacher exchanges the labels of {SWAPPED} intents",
    "new": f"{UNSEEN} intents come that never came before",
    "model": f"Another teacher model answers, which folds {FOLDED} intents into their siblings",
}


class AuditsOnOff(NamedTuple):
    """One run: the same stream with audits and without."""

    on: DriftFigures
    off: DriftFigures


def section(name: str, pairs: Sequence[AuditsOnOff]) -> Section:
    """Of one kind of drift, all of its runs."""
    on, off = [pair.on for pair in pairs], [pair.off for pair in pairs]
    title = (
        f"{_TITLES[name]}. Target {TARGET:g}, gate at {AIM:g}, audit rate {AUDIT_RATE:g}; "
        f"{len(pairs)} run(s), medians of those that have a value"
    )
    cells = tuple((row.name, _cell(row, on), _cell(row, off)) for row in rows())
    found = [figure for row in rows() for figure in _figures(name, row, on, off)]
    return Table(title, (name, _ON, _OFF), cells), found


def _cell(row: Row, findings: Sequence[DriftFigures]) -> str:
    """What is typical; and of how many runs, where it is not all of them."""
    values = _values(row, findings)
    if not values:
        return "-"
    some = f" ({len(values)} of {len(findings)})" if len(values) < len(findings) else ""
    return f"{row.shown(row.typical(values))}{some}"


def _figures(name: str, row: Row, on: Sequence[DriftFigures], off: Sequence[DriftFigures]) -> list[Figure]:
    values, others = _values(row, on), _values(row, off)
    beside = [row.typical(others)] if others else []
    if values:
        return [figure(f"{name}: {row.name}", [row.typical(values)], row.unit, _OFF, beside)]
    return [figure(f"{name}, {_OFF}: {row.name}", beside, row.unit)] if beside else []


def _values(row: Row, findings: Sequence[DriftFigures]) -> list[float]:
    return [value for finding in findings if (value := row.value(finding)) is not None]
