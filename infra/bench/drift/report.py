"""Report of the drift benchmark: a table for each kind of drift and comparison; medians of the runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, NamedTuple

from infra.bench.drift.analysis import LAST, REPORTS, AnswerCounts, DriftFigures, FirstCertificate
from infra.bench.drift.run import (
    AIM,
    AUDIT_RATE,
    DEFAULT_RATE,
    FEW_AUDITS,
    TARGET,
    UNWATCHED,
    WITH_AUDITS,
    WITHOUT_AUDITS,
)
from infra.bench.drift.scenarios import FOLDED, SWAPPED, UNSEEN
from infra.bench.report import Figure, Table, figure, format_share
from schemas.events import EventKind

Section = tuple[Table, list[Figure]]

_TITLES = {
    "swapped": f"The teacher exchanges the labels of {SWAPPED} intents",
    "new": f"{UNSEEN} intents appear that never came before",
    "model": f"Another teacher model answers, which folds {FOLDED} intents into their siblings",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """A system under comparison: its name in the tables, and fields of its config."""

    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two systems on the same stream, and their audit rate in words."""

    one: Variant
    other: Variant
    rate: str


AUDITS = Comparison(
    Variant("audits on", WITH_AUDITS), Variant("audits off", WITHOUT_AUDITS), f"audit rate {AUDIT_RATE:g}"
)
DEFERRALS = Comparison(
    Variant("deferrals watched", FEW_AUDITS),
    Variant("deferrals not watched", UNWATCHED),
    f"audit rate {DEFAULT_RATE:g} from the start",
)


class RunPair(NamedTuple):
    """Figures of one run: the same stream with the one system and with the other."""

    one: DriftFigures
    other: DriftFigures


@dataclass(frozen=True, slots=True)
class FigureRow:
    """Attributes:
    name, unit: of the figure.
    value: of one run; None where it has none.
    format: writes a value into the table.
    typical: of the values of the runs.
    """

    name: str
    unit: str
    value: Callable[[DriftFigures], float | None]
    format: Callable[[float], str]
    typical: Callable[[Sequence[float]], float] = median


def section(name: str, comparison: Comparison, pairs: Sequence[RunPair]) -> Section:
    """Table and figures of one kind of drift and one comparison, all of its runs."""
    one, other = [pair.one for pair in pairs], [pair.other for pair in pairs]
    title = (
        f"{_TITLES[name]}. Target {TARGET:g}, gate at {AIM:g}, {comparison.rate}; "
        f"{len(pairs)} run(s), medians of those that have a value"
    )
    cells = tuple((row.name, _cell(row, one), _cell(row, other)) for row in rows())
    figures = [each for row in rows() for each in _figures(name, comparison, row, one, other)]
    return Table(title, (name, comparison.one.name, comparison.other.name), cells), figures


def rows() -> list[FigureRow]:
    return [
        FigureRow(
            "certified when the drift begins",
            "share of runs",
            lambda run: float(run.certified_before),
            format_share,
            mean,
        ),
        *_certificate_rows("first certified", lambda run: run.first_certificate),
        *_answer_rows(f"{LAST:,} requests before the drift", lambda run: run.before),
        *_drift_rows(),
        *_recovery_rows(),
        *_answer_rows(f"last {LAST:,} requests", lambda run: run.last),
        FigureRow(
            "certified at the end",
            "share of runs",
            lambda run: float(run.certified_at_end),
            format_share,
            mean,
        ),
        *_certificate_rows("certified again", lambda run: run.new_certificate),
        *_gate_rows(),
        *(_event_row(kind) for kind in REPORTS),
    ]


def _certificate_rows(
    name: str, certificate_of: Callable[[DriftFigures], FirstCertificate | None]
) -> Iterator[FigureRow]:
    def requests(run: DriftFigures) -> float | None:
        certificate = certificate_of(run)
        return None if certificate is None else certificate.requests

    def audits(run: DriftFigures) -> float | None:
        certificate = certificate_of(run)
        return None if certificate is None else certificate.audits

    yield FigureRow(f"{name}, after", "requests", requests, _format_count)
    yield FigureRow(f"{name}, by", "audits", audits, _format_count)


def _answer_rows(name: str, counts_of: Callable[[DriftFigures], AnswerCounts]) -> Iterator[FigureRow]:
    yield FigureRow(f"{name}: coverage", "share", lambda run: counts_of(run).coverage, format_share)
    yield FigureRow(f"{name}: agreement", "share", lambda run: counts_of(run).agreement, format_share)


def _drift_rows() -> Iterator[FigureRow]:
    stale = "by the version from before the drift"
    yield FigureRow(f"{stale}: answered", "requests", lambda run: run.exposed.answered, _format_count)
    yield FigureRow(f"{stale}: of unseen intents", "requests", lambda run: run.exposed.unseen, _format_count)
    yield FigureRow(f"{stale}: agreement", "share", lambda run: run.exposed.agreement, format_share)
    yield FigureRow("from the drift on: answered", "requests", lambda run: run.after.answered, _format_count)
    yield FigureRow("from the drift on: agreement", "share", lambda run: run.after.agreement, format_share)
    yield FigureRow(
        "drift to the alarm", "s", lambda run: run.alarm.seconds if run.alarm else None, _format_s
    )
    yield FigureRow(
        "audits since the suspicion",
        "audits",
        lambda run: run.alarm.audits if run.alarm else None,
        _format_count,
    )
    yield FigureRow(
        "of which agree", "audits", lambda run: run.alarm.agreements if run.alarm else None, _format_count
    )
    yield FigureRow("drift to the alarm, requests", "requests", lambda run: run.reports.alarm, _format_count)
    yield FigureRow(
        "drift to the report of deferrals", "requests", lambda run: run.reports.deferrals, _format_count
    )
    yield FigureRow("drift to the first report", "requests", lambda run: run.reports.first, _format_count)
    yield FigureRow("audits after the drift", "audits", lambda run: run.audits, _format_count)
    yield FigureRow("replaced without an alarm, after", "requests", lambda run: run.replaced, _format_count)


def _recovery_rows() -> Iterator[FigureRow]:
    yield FigureRow(
        "alarm to the next version's answer",
        "s",
        lambda run: run.recovery.seconds if run.recovery else None,
        _format_s,
    )
    yield FigureRow(
        "requests in that time",
        "requests",
        lambda run: run.recovery.requests if run.recovery else None,
        _format_count,
    )


def _gate_rows() -> Iterator[FigureRow]:
    yield FigureRow(
        "went live after the drift",
        "versions",
        lambda run: run.events.get(EventKind.PROMOTED, 0),
        _format_count,
    )
    yield FigureRow(
        "coverage of the last version in the gate", "share", lambda run: run.promised, format_share
    )


def _event_row(kind: EventKind) -> FigureRow:
    return FigureRow(f"events: {kind}", "events", lambda run: run.events.get(kind, 0), _format_count)


def _format_count(value: float) -> str:
    return f"{value:,.0f}"


def _format_s(value: float) -> str:
    return f"{value:.1f} s"


def _cell(row: FigureRow, runs: Sequence[DriftFigures]) -> str:
    """The typical value; and of how many runs, where some have none."""
    values = _values(row, runs)
    if not values:
        return "-"
    some = f" ({len(values)} of {len(runs)})" if len(values) < len(runs) else ""
    return f"{row.format(row.typical(values))}{some}"


def _figures(
    name: str,
    comparison: Comparison,
    row: FigureRow,
    one: Sequence[DriftFigures],
    other: Sequence[DriftFigures],
) -> list[Figure]:
    """The one system's figure, with that of the other as its reference."""
    values, other_values = _values(row, one), _values(row, other)
    reference = [row.typical(other_values)] if other_values else []
    prefix = name if comparison is AUDITS else f"{name}, {comparison.rate}"
    if values:
        typical = [row.typical(values)]
        return [figure(f"{prefix}: {row.name}", typical, row.unit, comparison.other.name, reference)]
    if not reference:
        return []
    return [figure(f"{prefix}, {comparison.other.name}: {row.name}", reference, row.unit)]


def _values(row: FigureRow, runs: Sequence[DriftFigures]) -> list[float]:
    return [value for run in runs if (value := row.value(run)) is not None]
