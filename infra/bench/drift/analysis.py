"""How a finding is read from what the topics hold, held against what the teacher said at the time.

Times are those on the messages: the broker's of a request, the worker's of a label and of an event.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from infra.bench.drift.finding import AnswerCounts, DriftFigures, FirstAlarm, FirstCertificate, Recovery
from infra.bench.drift.run import AIM, RunRecord
from infra.bench.drift.stream import Stream, place_of
from schemas.events import (
    AlarmDetails,
    Event,
    EventKind,
    PromotedDetails,
    RefitDetails,
)
from schemas.messages import Label

LAST = 1_500


class _Run:
    """A record, with its labels in the order of the requests.

    Attributes:
        begun: when the first drifted request was sent, Unix milliseconds.
        stopped: the first alarm since; None where there was none.
    """

    def __init__(self, stream: Stream, record: RunRecord) -> None:
        self.stream = stream
        self.labels = sorted(record.labels, key=lambda label: place_of(label.id))
        self.before, self.after = self.labels[: stream.drifted], self.labels[stream.drifted :]
        self.events = record.events
        self.begun = self.after[0].requested_at
        self.stopped = next(self.told(EventKind.ALARM, since=self.begun), None)
        self._sent = sorted(label.requested_at for label in self.labels)

    def told(self, *kinds: EventKind, since: int = 0, until: int | None = None) -> Iterator[Event]:
        """Events of these kinds from `since` on, and before `until`."""
        for event in self.events:
            if event.kind in kinds and event.at >= since and (until is None or event.at < until):
                yield event

    def requests(self, since: int, until: int) -> int:
        """How many were sent after `since` until `until`."""
        return bisect_right(self._sent, until) - bisect_right(self._sent, since)

    def answers(self, labels: Sequence[Label]) -> AnswerCounts:
        taken = [label for label in labels if label.source == "surrogate"]
        said = [self.stream.said[place_of(label.id)] for label in taken]
        agreed = sum(label.label == gold for label, gold in zip(taken, said, strict=True))
        return AnswerCounts(len(labels), len(taken), agreed, sum(gold in self.stream.unseen for gold in said))


def drift_figures(stream: Stream, record: RunRecord) -> DriftFigures:
    """What the run shows.

    Args:
        record: with a label for each request of the stream.
    """
    run = _Run(stream, record)
    live, final = _newest(run.before), _newest(run.after)
    return DriftFigures(
        before=run.answers(run.before[-LAST:]),
        exposed=run.answers(_exposed(run, live)),
        after=run.answers(run.after),
        last=run.answers(run.labels[-LAST:]),
        certified=_certified(run, live, 0, run.begun),
        alarm=None if run.stopped is None else _alarm(run, run.stopped),
        recovery=None if run.stopped is None else _recovery(run, run.stopped.at),
        replaced=_replaced(run, live),
        again=_certified(run, final, run.begun, None),
        stood=_stands(run, live, run.begun),
        stands=_stands(run, final, None),
        told=Counter(event.kind for event in run.events if event.at >= run.begun),
        promised=next(_promised(run), None),
    )


def sentences(stream: Stream, record: RunRecord) -> Iterator[str]:
    """What the system has told, each with the seconds since the first drifted request."""
    begun = _Run(stream, record).begun
    return (f"{(event.at - begun) / 1000:+.1f} s {event.message}" for event in record.events)


def _newest(labels: Sequence[Label]) -> str | None:
    """The version that gave the last answer among them."""
    return next((label.policy for label in reversed(labels) if label.source == "surrogate"), None)


def _exposed(run: _Run, live: str | None) -> Sequence[Label]:
    """Without what other versions answered meanwhile."""
    stale = {live, None if run.stopped is None else AlarmDetails.of(run.stopped).version}
    until = run.after[: 1 + max(_places(run.after, stale), default=-1)]
    return [label for label in until if label.source != "surrogate" or label.policy in stale]


def _places(labels: Sequence[Label], versions: Iterable[str | None]) -> list[int]:
    """Where these versions answered."""
    known = frozenset(versions)
    return [
        place for place, label in enumerate(labels) if label.source == "surrogate" and label.policy in known
    ]


def _certified(run: _Run, version: str | None, begin: int, end: int | None) -> FirstCertificate | None:
    for event in run.told(EventKind.CERTIFIED, since=begin, until=end):
        if event.details["version"] == version:
            return FirstCertificate(run.requests(begin, event.at), event.details["audits"])
    return None


def _stands(run: _Run, version: str | None, end: int | None) -> bool:
    """Whether the last word on its certificate is that there is one; a change of teacher is a word on all."""
    words = run.told(EventKind.CERTIFIED, EventKind.CERTIFICATE_LOST, EventKind.TEACHER_CHANGED, until=end)
    last = EventKind.CERTIFICATE_LOST
    for event in words:
        if event.kind is EventKind.TEACHER_CHANGED or event.details["version"] == version:
            last = event.kind
    return last is EventKind.CERTIFIED


def _alarm(run: _Run, event: Event) -> FirstAlarm:
    details = AlarmDetails.of(event)
    return FirstAlarm((event.at - run.begun) / 1000, details.recent_audits, details.recent_agreements)


def _recovery(run: _Run, since: int) -> Recovery | None:
    versions = [RefitDetails.of(event).version for event in run.told(EventKind.REFIT, since=since)]
    places = _places(run.after, versions)
    if not places:
        return None
    first = min(run.after[place].labelled_at for place in places)
    return Recovery((first - since) / 1000, run.requests(since, first))


def _replaced(run: _Run, live: str | None) -> int | None:
    for place, label in enumerate(run.after):
        if run.stopped is not None and label.labelled_at >= run.stopped.at:
            return None
        if label.source == "surrogate" and label.policy != live:
            return place
    return None


def _promised(run: _Run) -> Iterator[float]:
    """By each version that the trainer put live, newest first."""
    coverage = [PromotedDetails.of(event).coverage for event in run.told(EventKind.PROMOTED)]
    return (each[f"{AIM:g}"] for each in reversed(coverage) if each is not None)
