"""Analysis of a drift run: figures read from its topics and compared with what the teacher said at the time.

Times are those on the messages: the broker's of a request, the worker's of a label and of an event.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.bench.drift.run import AIM, RunRecord
from infra.bench.drift.scenarios import Stream, place_of
from schemas.events import AlarmDetails, DriftDetails, Event, EventKind, PromotedDetails, RefitDetails
from schemas.messages import Label

LAST = 1_500
"""Requests just before the drift, and as many at the end of the stream, whose figures are shown."""

REPORTS = (
    EventKind.ALARM,
    EventKind.DRIFT,
    EventKind.TEACHER_CHANGED,
    EventKind.LABEL_BLOCKED,
    EventKind.PROMISE_MISSED,
)
"""Events that report drift."""


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """Requests of a part of the stream.

    Attributes:
        asked: all of them.
        answered: by the surrogate; on `agreed` of these the teacher of that time gives the same label.
        unseen: answered ones of intents that had never come before the drift.
    """

    asked: int
    answered: int
    agreed: int
    unseen: int

    @property
    def coverage(self) -> float | None:
        return self.answered / self.asked if self.asked else None

    @property
    def agreement(self) -> float | None:
        return self.agreed / self.answered if self.answered else None


@dataclass(frozen=True, slots=True)
class FirstCertificate:
    """A version's first certificate in a part of the stream.

    Attributes:
        requests: sent in this part until then.
        audits: that it took.
    """

    requests: int
    audits: int


@dataclass(frozen=True, slots=True)
class FirstAlarm:
    """The first one after the drift.

    Attributes:
        seconds: since the first drifted request.
        audits, agreements: since the suspicion began.
    """

    seconds: float
    audits: int
    agreements: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """From the alarm to the first answer of a version whose fit began after it.

    Attributes:
        seconds: that it took.
        requests: sent meanwhile.
    """

    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class Reports:
    """Requests sent from the first drifted one until the drift was reported; None where it was not.

    Attributes:
        first: until the first event that reports drift in any way.
        deferrals: until the one about deferred requests.
        alarm: until the alarm.
    """

    first: int | None
    deferrals: int | None
    alarm: int | None


@dataclass(frozen=True, slots=True)
class DriftFigures:
    """All that is read from one run.

    Attributes:
        before, last: `LAST` requests before the drift, and as many at the end of the stream.
        exposed: from the first drifted request to the last answer of the version that was live then, or of
            the one that the alarm stopped; answers of others are left out.
        after: all requests from the first drifted one on.
        first_certificate: of the version that was live when the drift began, before it; None without one.
        alarm: None where there was none; there is no `recovery` then either.
        replaced: requests from the drift to the first answer of another version, where no alarm came before.
        new_certificate: of the version that answered last, after the drift; None without one.
        certified_before, certified_at_end: whether the version that had answered last was certified, when
            the drift began and at the end.
        events: number of events since the drift began, by kind.
        promised: coverage that the newest version that went live had in the gate.
        reports: when the drift was reported.
        audits: answers from the first drifted request on that were audited.
    """

    before: AnswerCounts
    exposed: AnswerCounts
    after: AnswerCounts
    last: AnswerCounts
    first_certificate: FirstCertificate | None
    alarm: FirstAlarm | None
    recovery: Recovery | None
    replaced: int | None
    new_certificate: FirstCertificate | None
    certified_before: bool
    certified_at_end: bool
    events: Mapping[EventKind, int]
    promised: float | None
    reports: Reports
    audits: int


class _Run:
    """A record, with its labels in the order of the requests.

    Attributes:
        drift_at: when the first drifted request was sent, Unix milliseconds.
        first_alarm: the first event of an alarm since; None where there was none.
    """

    def __init__(self, stream: Stream, record: RunRecord) -> None:
        self.stream = stream
        self.labels = sorted(record.labels, key=lambda label: place_of(label.id))
        self.before, self.after = self.labels[: stream.drifted], self.labels[stream.drifted :]
        self.events = record.events
        self.drift_at = self.after[0].requested_at
        self.first_alarm = next(self.events_of(EventKind.ALARM, since=self.drift_at), None)
        self._sent = sorted(label.requested_at for label in self.labels)

    def events_of(self, *kinds: EventKind, since: int = 0, until: int | None = None) -> Iterator[Event]:
        """Events of these kinds from `since` on, and before `until`."""
        for event in self.events:
            if event.kind in kinds and event.at >= since and (until is None or event.at < until):
                yield event

    def requests_between(self, since: int, until: int) -> int:
        """Number of requests sent after `since` and up to `until`."""
        return bisect_right(self._sent, until) - bisect_right(self._sent, since)

    def answer_counts(self, labels: Sequence[Label]) -> AnswerCounts:
        answered = [label for label in labels if label.source == "surrogate"]
        teacher = [self.stream.answers[place_of(label.id)] for label in answered]
        agreed = sum(label.label == gold for label, gold in zip(answered, teacher, strict=True))
        return AnswerCounts(
            len(labels), len(answered), agreed, sum(gold in self.stream.unseen for gold in teacher)
        )


def drift_figures(stream: Stream, record: RunRecord) -> DriftFigures:
    """Figures of the run.

    Args:
        record: with a label for each request of the stream.
    """
    run = _Run(stream, record)
    live, final = _last_version(run.before), _last_version(run.after)
    return DriftFigures(
        before=run.answer_counts(run.before[-LAST:]),
        exposed=run.answer_counts(_exposed_labels(run, live)),
        after=run.answer_counts(run.after),
        last=run.answer_counts(run.labels[-LAST:]),
        first_certificate=_first_certificate(run, live, 0, run.drift_at),
        alarm=None if run.first_alarm is None else _first_alarm(run, run.first_alarm),
        recovery=None if run.first_alarm is None else _recovery(run, run.first_alarm.at),
        replaced=_replaced_after(run, live),
        new_certificate=_first_certificate(run, final, run.drift_at, None),
        certified_before=_is_certified(run, live, run.drift_at),
        certified_at_end=_is_certified(run, final, None),
        events=Counter(event.kind for event in run.events if event.at >= run.drift_at),
        promised=next(_promised_coverages(run), None),
        reports=_reports(run),
        audits=sum(label.audited for label in run.after),
    )


def event_lines(stream: Stream, record: RunRecord) -> Iterator[str]:
    """Messages of the run's events, each with the seconds since the first drifted request."""
    drift_at = _Run(stream, record).drift_at
    return (f"{(event.at - drift_at) / 1000:+.1f} s {event.message}" for event in record.events)


def _last_version(labels: Sequence[Label]) -> str | None:
    """The version that gave the last answer among them."""
    return next((label.policy for label in reversed(labels) if label.source == "surrogate"), None)


def _exposed_labels(run: _Run, live: str | None) -> Sequence[Label]:
    """Labels until the stale versions' last answer, without what other versions answered meanwhile."""
    stale = {live, None if run.first_alarm is None else AlarmDetails.of(run.first_alarm).version}
    until = run.after[: 1 + max(_answer_places(run.after, stale), default=-1)]
    return [label for label in until if label.source != "surrogate" or label.policy in stale]


def _answer_places(labels: Sequence[Label], versions: Iterable[str | None]) -> list[int]:
    """Places of the labels that these versions answered."""
    known = frozenset(versions)
    return [
        place for place, label in enumerate(labels) if label.source == "surrogate" and label.policy in known
    ]


def _first_certificate(
    run: _Run, version: str | None, begin: int, end: int | None
) -> FirstCertificate | None:
    for event in run.events_of(EventKind.CERTIFIED, since=begin, until=end):
        if event.details["version"] == version:
            return FirstCertificate(run.requests_between(begin, event.at), event.details["audits"])
    return None


def _is_certified(run: _Run, version: str | None, end: int | None) -> bool:
    """Whether the last event about its certificate grants it; a change of teacher ends every certificate."""
    events = run.events_of(
        EventKind.CERTIFIED, EventKind.CERTIFICATE_LOST, EventKind.TEACHER_CHANGED, until=end
    )
    last = EventKind.CERTIFICATE_LOST
    for event in events:
        if event.kind is EventKind.TEACHER_CHANGED or event.details["version"] == version:
            last = event.kind
    return last is EventKind.CERTIFIED


def _first_alarm(run: _Run, event: Event) -> FirstAlarm:
    details = AlarmDetails.of(event)
    return FirstAlarm((event.at - run.drift_at) / 1000, details.recent_audits, details.recent_agreements)


def _reports(run: _Run) -> Reports:
    events = list(run.events_of(*REPORTS, since=run.drift_at))

    def requests_until(reports: Iterable[Event]) -> int | None:
        first = next(iter(reports), None)
        return None if first is None else run.requests_between(run.drift_at, first.at)

    drifts = [event for event in events if event.kind is EventKind.DRIFT]
    return Reports(
        requests_until(events),
        requests_until(event for event in drifts if "deferrals" in DriftDetails.of(event).signals),
        requests_until(event for event in events if event.kind is EventKind.ALARM),
    )


def _recovery(run: _Run, since: int) -> Recovery | None:
    versions = [RefitDetails.of(event).version for event in run.events_of(EventKind.REFIT, since=since)]
    places = _answer_places(run.after, versions)
    if not places:
        return None
    first = min(run.after[place].labelled_at for place in places)
    return Recovery((first - since) / 1000, run.requests_between(since, first))


def _replaced_after(run: _Run, live: str | None) -> int | None:
    for place, label in enumerate(run.after):
        if run.first_alarm is not None and label.labelled_at >= run.first_alarm.at:
            return None
        if label.source == "surrogate" and label.policy != live:
            return place
    return None


def _promised_coverages(run: _Run) -> Iterator[float]:
    """In the gate, of each version that the trainer promoted, newest first."""
    coverages = [PromotedDetails.of(event).coverage for event in run.events_of(EventKind.PROMOTED)]
    return (each[f"{AIM:g}"] for each in reversed(coverages) if each is not None)
