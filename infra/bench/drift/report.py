"""What of a finding is shown, row by row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from infra.bench.drift.analysis import LAST
from infra.bench.drift.finding import AnswerCounts, DriftFigures, FirstCertificate
from infra.bench.tables import share
from schemas.events import EventKind

TELLING = (EventKind.ALARM, EventKind.DRIFT, EventKind.TEACHER_CHANGED, EventKind.LABEL_BLOCKED)
"""Events that tell of drift."""


@dataclass(frozen=True, slots=True)
class Row:
    """Attributes:
    name, unit: of the figure.
    value: of a finding; None where it has none.
    shown: as the table has it.
    typical: of the values of the runs.
    """

    name: str
    unit: str
    value: Callable[[DriftFigures], float | None]
    shown: Callable[[float], str]
    typical: Callable[[Sequence[float]], float] = median


def rows() -> list[Row]:
    return [
        Row(
            "certified when the drift begins", "share of runs", lambda found: float(found.stood), share, mean
        ),
        *_certificate("first certified", lambda found: found.certified),
        *_answers(f"{LAST:,} requests before the drift", lambda found: found.before),
        *_drifting(),
        *_recovery(),
        *_answers(f"last {LAST:,} requests", lambda found: found.last),
        Row("certified at the end", "share of runs", lambda found: float(found.stands), share, mean),
        *_certificate("certified again", lambda found: found.again),
        *_gate(),
        *(_event(kind) for kind in TELLING),
    ]


def _certificate(which: str, of: Callable[[DriftFigures], FirstCertificate | None]) -> Iterator[Row]:
    def requests(found: DriftFigures) -> float | None:
        certified = of(found)
        return None if certified is None else certified.requests

    def audits(found: DriftFigures) -> float | None:
        certified = of(found)
        return None if certified is None else certified.audits

    yield Row(f"{which}, after", "requests", requests, _whole)
    yield Row(f"{which}, by", "audits", audits, _whole)


def _answers(which: str, of: Callable[[DriftFigures], AnswerCounts]) -> Iterator[Row]:
    yield Row(f"{which}: coverage", "share", lambda found: of(found).coverage, share)
    yield Row(f"{which}: agreement", "share", lambda found: of(found).agreement, share)


def _drifting() -> Iterator[Row]:
    stale = "by the version of before"
    yield Row(f"{stale}: answered", "requests", lambda found: found.exposed.answered, _whole)
    yield Row(f"{stale}: of unseen intents", "requests", lambda found: found.exposed.unseen, _whole)
    yield Row(f"{stale}: agreement", "share", lambda found: found.exposed.agreement, share)
    yield Row("from the drift on: answered", "requests", lambda found: found.after.answered, _whole)
    yield Row("from the drift on: agreement", "share", lambda found: found.after.agreement, share)
    yield Row("drift to the alarm", "s", lambda found: found.alarm.seconds if found.alarm else None, _tenths)
    yield Row(
        "audits since the suspicion",
        "audits",
        lambda found: found.alarm.audits if found.alarm else None,
        _whole,
    )
    yield Row(
        "of which agree", "audits", lambda found: found.alarm.agreements if found.alarm else None, _whole
    )
    yield Row("replaced without an alarm, after", "requests", lambda found: found.replaced, _whole)


def _recovery() -> Iterator[Row]:
    yield Row(
        "alarm to the next version's answer",
        "s",
        lambda found: found.recovery.seconds if found.recovery else None,
        _tenths,
    )
    yield Row(
        "requests in that time",
        "requests",
        lambda found: found.recovery.requests if found.recovery else None,
        _whole,
    )


def _gate() -> Iterator[Row]:
    yield Row(
        "went live after the drift",
        "versions",
        lambda found: found.told.get(EventKind.PROMOTED, 0),
        _whole,
    )
    yield Row("coverage that the last gate promised", "share", lambda found: found.promised, share)


def _event(kind: EventKind) -> Row:
    return Row(f"events: {kind}", "events", lambda found: found.told.get(kind, 0), _whole)


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _tenths(value: float) -> str:
    return f"{value:.1f} s"
