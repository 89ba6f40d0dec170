"""Report of the drift benchmark: a table for each kind of drift, audits on and off; medians of the runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import NamedTuple

from infra.bench.drift.analysis import LAST, AnswerCounts, DriftFigures, FirstCertificate
from infra.bench.drift.run import AIM, AUDIT_RATE, TARGET
from infra.bench.drift.scenarios import FOLDED, SWAPPED, UNSEEN
from infra.bench.report import Figure, Table, figure, format_share
from schemas.events import EventKind

COUNTED_EVENTS = (EventKind.ALARM, EventKind.DRIFT, EventKind.TEACHER_CHANGED, EventKind.LABEL_BLOCKED)
"""Events that report drift."""

Section = tuple[Table, list[Figure]]

_ON, _OFF = "audits on", "audits off"
_TITLES = {
    "swapped": f"The teacher exchanges the labels of {SWAPPED} intents",
    "new": f"{UNSEEN} intents appear that never came before",
    "model": f"Another teacher model answers, which folds {FOLDED} intents into their siblings",
}


class AuditsOnOff(NamedTuple):
    """Figures of one run: the same stream with audits and without."""

    on: DriftFigures
    off: DriftFigures


@dataclass(frozen=True, slots=True)
class Row:
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


def section(name: str, pairs: Sequence[AuditsOnOff]) -> Section:
    """Table and figures of one kind of drift, all of its runs."""
    on, off = [pair.on for pair in pairs], [pair.off for pair in pairs]
    title = (
        f"{_TITLES[name]}. Target {TARGET:g}, gate at {AIM:g}, audit rate {AUDIT_RATE:g}; "
        f"{len(pairs)} run(s), medians of those that have a value"
    )
    cells = tuple((row.name, _cell(row, on), _cell(row, off)) for row in rows())
    figures = [each for row in rows() for each in _figures(name, row, on, off)]
    return Table(title, (name, _ON, _OFF), cells), figures


def rows() -> list[Row]:
    return [
        Row(
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
        Row(
            "certified at the end",
            "share of runs",
            lambda run: float(run.certified_at_end),
            format_share,
            mean,
        ),
        *_certificate_rows("certified again", lambda run: run.new_certificate),
        *_gate_rows(),
        *(_event_row(kind) for kind in COUNTED_EVENTS),
    ]


def _certificate_rows(
    name: str, certificate_of: Callable[[DriftFigures], FirstCertificate | None]
) -> Iterator[Row]:
    def requests(run: DriftFigures) -> float | None:
        certificate = certificate_of(run)
        return None if certificate is None else certificate.requests

    def audits(run: DriftFigures) -> float | None:
        certificate = certificate_of(run)
        return None if certificate is None else certificate.audits

    yield Row(f"{name}, after", "requests", requests, _format_count)
    yield Row(f"{name}, by", "audits", audits, _format_count)


def _answer_rows(name: str, counts_of: Callable[[DriftFigures], AnswerCounts]) -> Iterator[Row]:
    yield Row(f"{name}: coverage", "share", lambda run: counts_of(run).coverage, format_share)
    yield Row(f"{name}: agreement", "share", lambda run: counts_of(run).agreement, format_share)


def _drift_rows() -> Iterator[Row]:
    stale = "by the version from before the drift"
    yield Row(f"{stale}: answered", "requests", lambda run: run.exposed.answered, _format_count)
    yield Row(f"{stale}: of unseen intents", "requests", lambda run: run.exposed.unseen, _format_count)
    yield Row(f"{stale}: agreement", "share", lambda run: run.exposed.agreement, format_share)
    yield Row("from the drift on: answered", "requests", lambda run: run.after.answered, _format_count)
    yield Row("from the drift on: agreement", "share", lambda run: run.after.agreement, format_share)
    yield Row("drift to the alarm", "s", lambda run: run.alarm.seconds if run.alarm else None, _format_s)
    yield Row(
        "audits since the suspicion",
        "audits",
        lambda run: run.alarm.audits if run.alarm else None,
        _format_count,
    )
    yield Row(
        "of which agree", "audits", lambda run: run.alarm.agreements if run.alarm else None, _format_count
    )
    yield Row("replaced without an alarm, after", "requests", lambda run: run.replaced, _format_count)


def _recovery_rows() -> Iterator[Row]:
    yield Row(
        "alarm to the next version's answer",
        "s",
        lambda run: run.recovery.seconds if run.recovery else None,
        _format_s,
    )
    yield Row(
        "requests in that time",
        "requests",
        lambda run: run.recovery.requests if run.recovery else None,
        _format_count,
    )


def _gate_rows() -> Iterator[Row]:
    yield Row(
        "went live after the drift",
        "versions",
        lambda run: run.events.get(EventKind.PROMOTED, 0),
        _format_count,
    )
    yield Row("coverage of the last version in the gate", "share", lambda run: run.promised, format_share)


def _event_row(kind: EventKind) -> Row:
    return Row(f"events: {kind}", "events", lambda run: run.events.get(kind, 0), _format_count)


def _format_count(value: float) -> str:
    return f"{value:,.0f}"


def _format_s(value: float) -> str:
    return f"{value:.1f} s"


def _cell(row: Row, runs: Sequence[DriftFigures]) -> str:
    """The typical value; and of how many runs, where some have none."""
    values = _values(row, runs)
    if not values:
        return "-"
    some = f" ({len(values)} of {len(runs)})" if len(values) < len(runs) else ""
    return f"{row.format(row.typical(values))}{some}"


def _figures(name: str, row: Row, on: Sequence[DriftFigures], off: Sequence[DriftFigures]) -> list[Figure]:
    values, off_values = _values(row, on), _values(row, off)
    reference = [row.typical(off_values)] if off_values else []
    if values:
        return [figure(f"{name}: {row.name}", [row.typical(values)], row.unit, _OFF, reference)]
    return [figure(f"{name}, {_OFF}: {row.name}", reference, row.unit)] if reference else []


def _values(row: Row, runs: Sequence[DriftFigures]) -> list[float]:
    return [value for run in runs if (value := row.value(run)) is not None]
